package apisim

// The values of documentType (api.md). The misspelt one is spelled as the API spells it.
const (
	typeBills        = "bills"
	typeInvoices     = "invoices"
	typeReports      = "reports"
	typePartialBills = "partialBills"
	typePartialRated = "partialConsumptionRatedReports"
	typeRated        = "comsumptionRatedReports"
)

// knownTypes returns the types that api.md lists.
func knownTypes() []string {
	return []string{typeBills, typeInvoices, typeReports, typePartialBills, typePartialRated, typeRated}
}

// Account is what the credentials of one customer show. A [Server] copies it
// at its first request; later changes go through the server's methods.
type Account struct {
	Contracts []Contract
}

// Contract is one cloud contract and its documents.
type Contract struct {
	ID           string // like OCB0001234
	Name         string
	Type         string // contractType of the detail
	CreatedAt    string // RFC 3339
	UpdatedAt    string // RFC 3339
	Offer        string // offer.name
	CustomerID   string
	CustomerName string
	FirstName    string // of the contact
	LastName     string
	Email        string
	PlatformID   string // left out of the detail if empty, as the real API may do
	Raw          string // if not empty, sent in the list of contracts instead of the fields above

	Documents []Document
	// Generate gives the documents of a big synthetic contract. It is called
	// when one is asked for, so that a million documents cost no memory, and
	// must always give the same ones. Used only if Documents is nil.
	Generate func() []Document
}

// Document is one billing document. Strings go over the wire as they are,
// bytes that are not UTF-8 included.
type Document struct {
	ID       string
	Type     string // one of api.md's, or a type that clients do not know
	Filename string
	Period   string // YYYYMM…

	CreatedAt string // sent if Quirks.Dates
	UpdatedAt string // sent if Quirks.Dates
	Amount    string // decimal, sent as a JSON number if Quirks.Amounts
	Currency  string // sent if Quirks.Amounts
	Raw       string // if not empty, sent in listings instead of the fields above

	Version int     // handed to Content
	Content Content // nil: an empty document
}
