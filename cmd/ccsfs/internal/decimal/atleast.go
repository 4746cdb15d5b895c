package decimal

// AtLeast tells whether an amount is as large as another, in the forms that Sum adds.
// Known is false if one of them is no decimal. What is owed to the customer is negative,
// and so less than any charge.
func AtLeast(amount, least string) (holds, known bool) {
	var a, b Sum
	if !a.Add(amount) || !b.Add(least) {
		return false, false
	}
	return a.value.Cmp(&b.value) >= 0, true
}
