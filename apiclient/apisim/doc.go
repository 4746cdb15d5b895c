// Package apisim is a simulated Cloud Customer Space API of Orange Business:
// an http.Handler for demonstrations and tests. Nothing in it is Orange's; it
// answers as the user guide, its Postman collection and working clients say
// that the real one does.
//
//	sim := &apisim.Server{}
//	web := httptest.NewServer(sim)
//	defer web.Close()
//	// API at web.URL + apisim.APIPath, token at web.URL + apisim.OAuthPath + "/token",
//	// with apisim.ClientID, apisim.ClientSecret and apisim.APIKey
//
// # What is known, and done so without a switch
//
//   - The five calls, their headers and the shapes of their answers. Listings
//     carry no sizes.
//   - Without parameters /documents gives the ten latest usage reports only.
//   - A wrong type (also "all", and the right spelling of
//     comsumptionRatedReports) answers 200 with {"documents": null}, and so
//     does an empty type without a limit. Listings are newest first.
//   - Errors are {"code","message","description","infoURL"} with Orange's
//     codes, those of the token call OAuth's. Each answer has an
//     X-OAPI-Request-Id.
//   - Accept must name application/json (406/62). The token call needs no
//     Accept; client id and secret come by HTTP Basic only.
//   - Tokens live for an hour; several are good at once. 401/40 no token, 41
//     an unknown one, 42 an expired one.
//
// # What is assumed
//
// [Quirks] has a switch for each unknown that clients must bear either way:
// HEAD, Range, ETag, Last-Modified, chunked and gzipped bodies, redirects to
// another origin, wrapped lists, optional fields, numbers for strings, caps on
// limit and offset, the empty type, members and dates, refused types, rate limits, lifetimes of tokens. Its
// zero value is the guess that seems most likely. Assumed without a switch:
//
//   - Checks come in the order path (404/60), method (405/61), rate limit,
//     token, API key, Accept, contract.
//   - A missing X-API-Key or X-ECCS-Contract-Id is 400/25, a wrong API key
//     401/41, an unknown contract 403/50 (404/60 by Quirks.UnknownNotFound), an
//     unknown document or one of another contract 404/60, a bad limit 400/28.
//   - A type without a limit gives ten; a limit without a type usage reports.
//   - A type that is refused is missing from listings of the empty type, and
//     its files are refused too. A contract that is forbidden stays in the
//     list of contracts.
//   - The parameter zipped is ignored.
//   - The names of the 27 columns of rated consumption, and ids of documents
//     that are decimal numbers.
//
// # What goes wrong
//
// [Faults] may be set while the server runs, for the next n calls of a kind or
// for ever:
//
//	sim.Faults.Add(apisim.Match{Op: apisim.OpFile}, 1, apisim.Fault{Cut: true, After: 1000})
//	sim.Faults.Add(apisim.Match{Op: apisim.OpDocuments, Type: "bills"}, 2, apisim.Fault{Status: 503, Code: 5})
//	sim.Faults.Add(apisim.Match{}, 0, apisim.Fault{Body: apisim.HTMLPage})
//	sim.Faults.Clear()
//
// Cut, Reset and the end of Never and Stall panic with http.ErrAbortHandler,
// which net/http understands; an httptest.ResponseRecorder does not. Calls
// that hang end when their client leaves or the faults are cleared: do one of
// both before httptest.Server.Close, which waits for them.
//
// Methods of [Server] change the account (AddDocument, ReplaceDocument, Bump,
// RemoveContract, ForbidType, …) and the credentials (RevokeTokens,
// WithdrawCredentials, …) under way, and tell what has reached it (Calls,
// Requests).
//
// # Accounts
//
// [DefaultAccount] is worth looking at; [Synthetic] is large and costs no
// memory; any other is a literal of [Account], hostile names and ids included:
//
//	&apisim.Account{Contracts: []apisim.Contract{{ID: "A", Documents: []apisim.Document{
//		{ID: "x/y", Type: "bills", Filename: "../../etc/passwd", Content: apisim.Bytes(b)},
//	}}}}
package apisim
