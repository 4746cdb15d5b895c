package apiclient

import (
	"cmp"
	"context"
	"encoding/json"
)

// Contract is an entry of the list of contracts. All fields but ID may be
// empty.
type Contract struct {
	ID        string // such as OCB0001234
	Name      string
	CreatedAt string // as the API writes it
	Offer     string // name of the offer, such as Flexible Engine
}

// ContractDetail is one contract in full. All fields but ID may be empty.
type ContractDetail struct {
	ID, Name, ContractType string
	CreatedAt, UpdatedAt   string // as the API writes them
	Offer                  string // name of the offer
	CustomerID             string
	CustomerName           string
	ContactFirstName       string
	ContactLastName        string
	ContactEmail           string
	PlatformID             string
	Raw                    json.RawMessage // the whole answer as received
}

// Contracts lists the contracts of the account. With [ErrIncomplete] comes the part
// that was had.
func (c *Client) Contracts(ctx context.Context) ([]Contract, error) {
	var list []Contract
	var part error
	cl := &call{op: opContracts}
	err := c.getJSON(ctx, cl, "/contracts", nil, func(d *decoder) (err error) {
		list, err = decodeContracts(d)
		part = d.signs.verdict(d.entries, cl.gateway)
		return err
	})
	return list, cmp.Or(err, part)
}

// Contract returns the detail of one contract. An id that cannot be sent is
// ErrInvalid.
func (c *Client) Contract(ctx context.Context, contractID string) (*ContractDetail, error) {
	var detail *ContractDetail
	cl := &call{op: opContract, contract: contractID}
	err := c.getJSON(ctx, cl, "/contract", nil, func(d *decoder) (err error) {
		detail, err = decodeContract(d, contractID)
		return err
	})
	return detail, err
}
