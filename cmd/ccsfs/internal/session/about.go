package session

import (
	"ccsfs/cmd/ccsfs/internal/term"
	"ccsfs/internal/catalog"
)

// About is what is known of a contract besides its id.
func About(c *catalog.ContractEntry) string {
	switch name, offer := term.Plain(c.Contract.Name), term.Plain(c.Offer); {
	case name == "" || offer == "":
		return name + offer
	default:
		return name + " (" + offer + ")"
	}
}
