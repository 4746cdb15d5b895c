package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/cmd/ccsfs/internal/completeness"
	"ccsfs/cmd/ccsfs/internal/exitcode"
	"ccsfs/cmd/ccsfs/internal/session"
	"ccsfs/cmd/ccsfs/internal/settings"
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/suggest"
)

// probeLimit is how many documents of a type the doctor asks for: enough to see
// that there are some.
const probeLimit = 100

// checkToken asks for the contracts, which takes a token first, and tells whether
// it was the token that failed.
func (d *doctor) checkToken(ctx context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	client, done, err := session.NewClient(d.env, d.settings, slog.New(slog.DiscardHandler), d.seen)
	if err != nil {
		return "", err
	}
	d.client, d.done = client, done
	d.contracts, d.listErr = client.Contracts(ctx)
	stats := client.Stats()
	if stats.TokenObtained.IsZero() {
		if d.listErr == nil {
			return "", exitcode.Errorf(exitcode.Failed, "no token was asked for")
		}
		return "", d.explain(d.listErr)
	}
	text := fmt.Sprintf("valid until %s UTC", term.Readable(stats.TokenExpires))
	if stats.Gateway {
		text += ", of a gateway"
	}
	return text, nil
}

func (d *doctor) checkContracts(context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	part := errors.Is(d.listErr, apiclient.ErrIncomplete)
	if d.listErr != nil && !part {
		return "", d.explain(d.listErr)
	}
	var ids []string
	for _, c := range d.contracts {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		return "", exitcode.Errorf(exitcode.Settings, "the account has no contracts\nIs the API key that of the right customer space?")
	}
	d.contract = ids[0]
	for _, wanted := range d.settings.Listings.Contracts {
		if !slices.Contains(ids, wanted) {
			text := fmt.Sprintf("contract %s, of %s, is not among those of the account", wanted, session.SourceOf(d.settings, "contract"))
			if near := suggest.Nearest(wanted, ids); near != "" {
				text += "; did you mean " + near + "?"
			}
			return "", exitcode.Errorf(exitcode.Settings, "%s", text)
		}
		d.contract = d.settings.Listings.Contracts[0]
	}
	text := strings.Join(ids[:min(len(ids), 3)], ", ")
	if len(ids) > 3 {
		text += ", …"
	}
	text = fmt.Sprintf("%d: %s", len(ids), text)
	if n := len(ids) - len(d.settings.Listings.Contracts); len(d.settings.Listings.Contracts) > 0 && n > 0 {
		text += fmt.Sprintf("\nonly %s; %s hidden", session.OnlyContracts(d.settings), session.AreHidden(n))
	}
	if part {
		return "", exitcode.Errorf(exitcode.Some, "%s\n%s", text, d.listErr)
	}
	return text, nil
}

// checkListing asks for some documents of each type of one contract.
func (d *doctor) checkListing(ctx context.Context) (string, error) {
	if d.settings.API.Offline {
		return "", errSkipped("--offline")
	}
	types := d.settings.Listings.Types
	if len(types) == 0 {
		types = settings.DocumentTypes()
	}
	var found, refused []string
	d.documents = map[string][]apiclient.Document{}
	for _, t := range types {
		docs, err := d.client.Documents(ctx, d.contract, apiclient.DocumentsQuery{Type: t, Limit: probeLimit})
		switch {
		case errors.Is(err, apiclient.ErrForbidden):
			refused = append(refused, t)
			continue
		case err != nil && !errors.Is(err, apiclient.ErrIncomplete): // so few were asked for
			return "", d.explain(err)
		}
		d.documents[t] = docs
		count := fmt.Sprint(len(docs))
		if err != nil || len(docs) >= probeLimit {
			count = fmt.Sprintf("%d or more", len(docs))
		}
		found = append(found, count+" "+t)
	}
	text := d.contract + ": " + strings.Join(found, ", ")
	switch {
	case len(refused) == 0:
	case len(d.settings.Listings.Types) > 0:
		return "", exitcode.Errorf(exitcode.Some, "the API refuses documents of contract %s of type %s (types, by %s)\n%s.", d.contract,
			strings.Join(refused, ", "), session.SourceOf(d.settings, "types"), completeness.Profile(refused))
	case len(found) == 0:
		return "", exitcode.Errorf(exitcode.Settings, "the API refuses documents of contract %s\nDoes the user of the API key have a profile for this contract?", d.contract)
	default:
		text += fmt.Sprintf("\n%s", completeness.Refusal(refused))
	}
	return text, nil
}

// explain is explainAPI in the words of a check: nothing was to be saved.
func (d *doctor) explain(err error) error {
	explained := session.ExplainAPI(d.settings, err)
	text := strings.Replace(explained.Error(), ", and nothing is saved from before", "", 1)
	if errors.Is(err, apiclient.ErrProtocol) {
		text = strings.Replace(text, "the API cannot be reached", "something else than the API answers", 1)
	}
	return exitcode.Errorf(exitcode.Of(explained), "%s", text)
}
