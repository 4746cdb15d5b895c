package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/internal/content"
	"ccsfs/internal/pool"
)

// ExplainAPI gives an error of the API its exit code, and says what to do. s may
// be nil.
func ExplainAPI(s *settings.Settings, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return exitcode.Errorf(exitcode.Failed, "interrupted")
	case errors.Is(err, apiclient.ErrCredentials):
		return exitcode.Errorf(exitcode.Settings, "the API refuses the client id or the client secret: %w\n"+
			"  Check client id (%s) and client secret (%s) against those of your application.", err,
			SourceOf(s, "client-id"), SourceOf(s, "client-secret"))
	case apiclient.Refused(err):
		return explainRefusal(s, err)
	case errors.Is(err, apiclient.ErrNotFound):
		return exitcode.Errorf(exitcode.Settings, "nothing is found at the API's address: %w\n  Check the address (%s).", err, SourceOf(s, "api-url"))
	case errors.Is(err, apiclient.ErrRateLimited):
		return exitcode.Errorf(exitcode.Unreachable, "the API refuses more requests for now: %w\n"+
			"  Wait a minute. If something else uses the same application, lower --rate-limit.", err)
	case s != nil && s.API.Offline && (apiclient.Temporary(err) || errors.Is(err, content.ErrOffline)):
		return exitcode.Errorf(exitcode.Unreachable, "nothing is saved of it: %w\n  Offline, by %s, the API is not asked.", err, SourceOf(s, "offline"))
	case errors.Is(err, pool.ErrAway), errors.Is(err, pool.ErrRefused):
		return exitcode.Errorf(exitcode.Unreachable, "what the machines share cannot be used, and nothing is saved from before: %w\n"+
			"  Check Redis (%s) and the shared store (%s): ccsfs doctor tells more.", err, SourceOf(s, "shared"), SourceOf(s, "shared-store"))
	case errors.Is(err, apiclient.ErrServer):
		return exitcode.Errorf(exitcode.Unreachable, "the API fails: %w\n"+
			"  It is in reach, but answers with errors of its own. Try again later; Orange's support asks for\n"+
			"  the request id, if there is one above.", err)
	case apiclient.Temporary(err):
		return exitcode.Errorf(exitcode.Unreachable, "the API cannot be reached, and nothing is saved from before: %w\n"+
			"  Check the network%s. A company VPN or proxy often blocks the API:\n"+
			"  try without the VPN, or set HTTPS_PROXY (and --ca-file, if the proxy has certificates of its own).\n"+
			"  To look around without the network: ccsfs demo", err, ownAddresses(s))
	default:
		return err
	}
}

// explainRefusal says who or what is refused: documents of types, a contract, or
// the account.
func explainRefusal(s *settings.Settings, err error) error {
	part := errors.Is(err, apiclient.ErrForbidden) && slices.Contains([]string{"contract", "documents", "file"}, callOf(err))
	switch {
	case refusedTypes(s, err):
		return exitcode.Errorf(exitcode.Some, "the API refuses access: %w\n  Of type %s (by %s): %s.", err,
			strings.Join(s.Listings.Types, ", "), SourceOf(s, "types"), completeness.Profile(s.Listings.Types))
	case part:
		return exitcode.Errorf(exitcode.Settings, "the API refuses access: %w\n"+
			"  Check whether the user of the API key (%s) has a profile for this contract in the customer space.\n"+
			"  Orange's support asks for the request id, if there is one above.", err, SourceOf(s, "api-key"))
	}
	return exitcode.Errorf(exitcode.Settings, "the API refuses access: %w\n"+
		"  Check the API key (%s), and whether the application may use the Cloud Customer Space API.\n"+
		"  Orange's support asks for the request id, if there is one above.", err, SourceOf(s, "api-key"))
}

// ownAddresses names the addresses of the API that are not the usual ones.
func ownAddresses(s *settings.Settings) string {
	var from []string
	for _, name := range []string{"api-url", "oauth-url"} {
		if s != nil && s.Source(name).Origin != settings.FromDefault {
			from = append(from, s.Source(name).String())
		}
	}
	if from == nil {
		return ""
	}
	return fmt.Sprintf(" and the API's address (%s)", strings.Join(from, ", "))
}

// hintFor says what to do about a failure that has nothing to do with the
// thing that was asked for; "" where there is nothing to say.
func hintFor(s *settings.Settings, err error) string {
	if errors.Is(err, apiclient.ErrNotFound) && !ofTheAccount(err) {
		return ""
	}
	var said *exitcode.Error
	if errors.As(err, &said) {
		return ""
	}
	_, hint, _ := strings.Cut(ExplainAPI(s, err).Error(), "\n")
	return strings.TrimSpace(hint)
}

// callOf names the call of the API that failed, "" if none did.
func callOf(err error) string {
	var e *apiclient.Error
	if errors.As(err, &e) {
		return e.Op
	}
	return ""
}

// ofTheAccount tells that it is the address of the API where nothing was found,
// and not a document.
func ofTheAccount(err error) bool {
	return errors.Is(err, apiclient.ErrNotFound) && slices.Contains([]string{"contracts", "token"}, callOf(err))
}
