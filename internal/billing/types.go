package billing

import "slices"

// The document types that the API is known to have (documentType of GET /documents).
// TypeRated is misspelt by the API, and has to be.
const (
	TypePartialBills = "partialBills"
	TypePartialRated = "partialConsumptionRatedReports"
	TypeBills        = "bills"
	TypeInvoices     = "invoices"
	TypeRated        = "comsumptionRatedReports"
	TypeReports      = "reports"
	TypeOther        = "other" // found by the empty type only, and silent about its own
)

// Types returns the known document types. The order decides which type a
// document has that was found under several and does not say its own: those
// that change come first, because a changing document taken for a final one
// would be served stale; the catch-all reports comes last.
func Types() []string {
	return []string{TypePartialBills, TypePartialRated, TypeBills, TypeInvoices, TypeRated, TypeReports}
}

// VolatileType reports whether documents of that type change during the month.
func VolatileType(typ string) bool {
	return typ == TypePartialBills || typ == TypePartialRated
}

// Rank orders types: the known ones in the order of Types, then the others.
func Rank(typ string) int {
	known := Types()
	if i := slices.Index(known, typ); i >= 0 {
		return i
	}
	return len(known)
}
