package completeness

import (
	"fmt"
	"slices"
	"strings"

	"ccsfs/internal/billing"
)

// Refusal says that the API refuses documents of these types, and what they take.
func Refusal(types []string) string {
	return fmt.Sprintf("the API refuses documents of type %s; they are left out: %s", strings.Join(types, ", "), Profile(types))
}

// Profile says what documents of these types take, where they are refused.
func Profile(types []string) string {
	if slices.Contains(types, billing.TypeInvoices) {
		return "they take the Manager profile in the customer space"
	}
	return "the user of the API key has no profile for them in the customer space"
}
