package apisim

import "time"

// Quirks are the unknowns of the API (api.md marks them [?]), each a switch.
// The zero value is what the real API most likely does. Set before the first
// request.
type Quirks struct {
	// How documents are served.
	Head         bool   // HEAD on /file answers as GET without a body; else 405/61
	Range        bool   // Range and If-Range are honoured, Accept-Ranges sent; else ignored
	ETag         bool   // a strong ETag, and 304 on If-None-Match
	WeakETag     bool   // with ETag, a weak one
	LastModified bool   // Last-Modified, and 304 on If-Modified-Since
	Unaware      bool   // both are sent, and conditions ignored
	HeadBare     bool   // with Head, its answer has no Content-Length
	Chunked      bool   // bodies without Content-Length
	Gzip         bool   // answers are gzipped for clients that accept it
	GzipForced   bool   // documents are gzipped for all others, too
	Disposition  bool   // Content-Disposition: attachment with the filename
	ContentTypes bool   // application/pdf, text/csv, … instead of application/octet-stream
	Zipped       bool   // a ZIP with the document in it, as ?zipped=1 always gives; ?zipped=0 still gives the document
	ZippedUnseen bool   // ?zipped= means nothing
	Redirect     string // base URL of another origin, which serves [Server.Origin]: /file answers 302 to a one-time path there

	// What listings look like.
	DocumentType  bool   // documents carry documentType
	Dates         bool   // documents carry createdAt and updatedAt
	Amounts       bool   // documents carry amount and currency
	AmountText    bool   // amounts are strings
	NumericIDs    bool   // ids that are decimal numbers are JSON numbers
	Wrap          string // "documents" or "data": the list is wrapped in an object under that key
	WrapContracts string // the same of the list of contracts
	NullWhenEmpty bool   // a right type without documents answers {"documents":null} instead of []
	BareNull      bool   // where that would be null, it is null alone
	Shuffle       bool   // the order is another one at every call, not newest first
	DateLayout    string // of dates, as package time writes layouts; "unix" or "unixms": numbers; "": RFC 3339
	PeriodLayout  string // of periods that are a month; "": 200601

	// More and fewer members than are known.
	Extra, ExtraContract           []string // names of members that documents, and contracts, have besides
	WithoutInList, WithoutInDetail []string // members that contracts lack in their list, and in full

	// What a limit does, and the empty type.
	LimitCap  int    // a larger limit is silently cut to this one; 0: none
	LimitTold string // how an answer says that a limit cut it: "next" or "total" in the object that wraps it, "link" or "count" in a header, "206"; "": not at all
	LimitMax  int    // a larger limit is refused with 400/28; 0: none
	EmptyNull bool   // the empty type answers {"documents":null} even with a limit
	EmptyOnly bool   // the empty type gives the six known types only; else all there is
	Unlimited bool   // the limit means nothing: all there is comes
	Offset    bool   // offset= leaves out the first ones; else it means nothing

	// Who may see what.
	EmptyTypes      []string // document types of which there is none
	RefusedTypes    []string // document types refused with 403/50, as invoices are without the Manager profile
	UnknownNotFound bool     // an unknown contract answers 404/60 instead of 403/50

	// Tokens.
	TokenLifetime  time.Duration // how long a token is good; 0: one hour
	TokenAnnounced time.Duration // what expires_in says, if not the truth; 0: TokenLifetime
	ExpiresString  bool          // expires_in is a string

	// The platform's limits; a call over one is refused and counted in Calls.Limited.
	RateLimit  int           // calls per RateWindow, token calls not counted; 0: no limit. The platform's: 25
	RateWindow time.Duration // 0: one second. 40 ms and a limit of 1 is the strictest reading of a spike arrest of 25/s
	RateAs429  bool          // refused with 429/53 instead of 403/53
	RetryAfter bool          // refused with Retry-After: 1
	TokenLimit int           // token calls per minute; 0: no limit. The platform's: 50

	// What answers say besides.
	RateHeaders []string // names of headers by which each answer tells of the limit
	NoRequestID bool     // no X-OAPI-Request-Id
	ErrorShape  string   // of the API's error bodies: "nested" in a member error, "text", "none"; "": as documented
}
