package apiclient

import (
	"encoding/json"
	"fmt"
	"strings"
)

// wireContract is a contract as the API writes it, of any type in any field.
type wireContract struct {
	ID           text  `json:"id"`
	Name         text  `json:"name"`
	ContractType text  `json:"contractType"`
	CreatedAt    text  `json:"createdAt"`
	UpdatedAt    text  `json:"updatedAt"`
	Offer        named `json:"offer"`
	Customer     named `json:"customer"`
	Contact      person
	PlatformID   text `json:"platformId"`
}

// person is the contact of a contract; anything but an object is left out.
type person struct {
	FirstName, LastName, Email text
}

func (p *person) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return nil
	}
	type plain person // without this method
	return json.Unmarshal(b, (*plain)(p))
}

// wireDocument is a document as the API writes it.
type wireDocument struct {
	ID           text `json:"id"`
	Filename     text `json:"filename"`
	Period       text `json:"period"`
	CreatedAt    text `json:"createdAt"`
	UpdatedAt    text `json:"updatedAt"`
	Amount       text `json:"amount"`
	Currency     text `json:"currency"`
	DocumentType text `json:"documentType"`
	Type         text `json:"type"`
	Known        struct {
		Size   int64 `json:"size"`
		SHA256 text  `json:"sha256"`
	} `json:"ccsfs"` // of a gateway
}

// decodeContracts reads the list of contracts: bare or wrapped.
func decodeContracts(d *decoder) ([]Contract, error) {
	list := []Contract{}
	err := d.list([]string{"contracts", "data"}, func() error {
		var w wireContract
		if err := d.json.Decode(&w); err != nil {
			return err
		}
		if w.ID == "" {
			return missingID("contract", len(list))
		}
		list = append(list, Contract{
			ID: string(w.ID), Name: string(w.Name),
			CreatedAt: string(w.CreatedAt), Offer: string(w.Offer.Name),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// decodeDocuments reads a listing: bare, wrapped or null.
func decodeDocuments(d *decoder) ([]Document, error) {
	list := []Document{}
	seen := interner{}
	err := d.list([]string{"documents", "data"}, func() error {
		var w wireDocument
		if err := d.json.Decode(&w); err != nil {
			return err
		}
		if w.ID == "" {
			return missingID("document", len(list))
		}
		list = append(list, Document{
			ID: string(w.ID), Filename: string(w.Filename), Period: seen.one(w.Period),
			CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt),
			Amount: string(w.Amount), Currency: seen.one(w.Currency),
			Type:    seen.one(orDefault(w.DocumentType, w.Type)),
			Content: Content{Size: max(w.Known.Size, 0), SHA256: string(w.Known.SHA256)},
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// decodeContract reads the detail of the contract asked for. An answer without
// id is taken for it if it has a name; one with another id is an error.
func decodeContract(d *decoder, id string) (*ContractDetail, error) {
	var raw json.RawMessage
	if err := d.json.Decode(&raw); err != nil {
		return nil, d.wrap(err)
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	if !isObject(raw) {
		return nil, &shapeError{text: "it is not a JSON object"}
	}
	var w wireContract
	if err := json.Unmarshal(raw, &w); err != nil {
		return nil, d.wrap(err)
	}
	if told := parseErrorBody(raw); w.ID == "" && told.isSet() {
		return nil, &toldError{body: told}
	}
	switch {
	case w.ID == "" && w.Name == "":
		return nil, &shapeError{text: "it is an object without id and name"}
	case w.ID != "" && !strings.EqualFold(string(w.ID), id):
		return nil, &shapeError{text: fmt.Sprintf("it is contract %q, not the one asked for", w.ID)}
	}
	return &ContractDetail{
		ID: id, Name: string(w.Name), ContractType: string(w.ContractType),
		CreatedAt: string(w.CreatedAt), UpdatedAt: string(w.UpdatedAt), Offer: string(w.Offer.Name),
		CustomerID: string(w.Customer.ID), CustomerName: string(w.Customer.Name),
		ContactFirstName: string(w.Contact.FirstName), ContactLastName: string(w.Contact.LastName),
		ContactEmail: string(w.Contact.Email), PlatformID: string(w.PlatformID), Raw: raw,
	}, nil
}

// missingID fails a list: leaving the entry out would be silent loss.
func missingID(what string, n int) error {
	return &shapeError{text: fmt.Sprintf("entry %d of the list is a %s without id", n+1, what)}
}

// interner keeps one copy of texts that repeat in most entries of a listing.
type interner map[string]string

func (in interner) one(t text) string {
	s, ok := in[string(t)]
	if !ok {
		s = string(t)
		in[s] = s
	}
	return s
}
