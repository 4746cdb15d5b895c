package apisim

// DefaultAccount is a placeholder of one contract for now.
func DefaultAccount() *Account { return Synthetic(2, 40, 1000, ".pdf") }
