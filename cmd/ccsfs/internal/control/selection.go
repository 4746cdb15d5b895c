package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
)

// selected is a contract, and the names of directories that lead to a part of
// it.
type selected struct {
	contract string // id
	below    []string
}

// selection finds the contracts that paths in the mount are about; without any
// path, all contracts.
func (m *Mount) selection(ctx context.Context, paths []string) ([]selected, error) {
	list, err := m.Catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	var all []selected
	if len(paths) == 0 {
		for _, e := range list.Entries {
			all = append(all, selected{contract: e.ID})
		}
	}
	for _, path := range paths {
		name, below, _ := strings.Cut(strings.Trim(path, "/"), "/")
		s := selected{contract: contractNamed(list, name)}
		if s.contract == "" {
			return nil, fmt.Errorf("there is no contract %q: %w", name, apiclient.ErrNotFound)
		}
		if below != "" {
			s.below = strings.Split(below, "/")
		}
		all = append(all, s)
	}
	return all, nil
}

// contractNamed returns the id of the contract with this directory or id, ""
// if there is none.
func contractNamed(list *catalog.Contracts, name string) string {
	if e, ok := list.Lookup(name); ok {
		return e.ID
	}
	for _, e := range list.Entries {
		if e.ID == name {
			return e.ID
		}
	}
	return ""
}

// documentsBelow returns the documents at a path below dir.
func documentsBelow(dir *catalog.Dir, path []string) ([]*catalog.Document, error) {
	for i, name := range path {
		e, ok := dir.Lookup(name)
		switch {
		case !ok, e.Doc != nil && i < len(path)-1:
			return nil, fmt.Errorf("there is no %q: %w", strings.Join(path, "/"), apiclient.ErrNotFound)
		case e.Doc != nil:
			return []*catalog.Document{e.Doc}, nil
		}
		dir = e.Dir
	}
	return appendDocuments(nil, dir), nil
}

func appendDocuments(docs []*catalog.Document, dir *catalog.Dir) []*catalog.Document {
	for _, e := range dir.Entries {
		if e.Dir != nil {
			docs = appendDocuments(docs, e.Dir)
		} else {
			docs = append(docs, e.Doc)
		}
	}
	return docs
}

// refresh asks the API anew, about the contract of path or, if that is empty,
// about everything.
func (m *Mount) refresh(ctx context.Context, path string) error {
	contract := ""
	if path != "" {
		where, err := m.selection(ctx, []string{path})
		if unsure := apiclient.Refused(err) || errors.Is(err, apiclient.ErrNotFound); unsure { // by what was known
			if err = m.Catalog.RefreshContracts(ctx); err == nil {
				where, err = m.selection(ctx, []string{path})
			}
		}
		if err != nil {
			return err
		}
		contract = where[0].contract
	}
	if err := m.Catalog.Refresh(ctx, contract); err != nil {
		return m.leftOut(contract, nil, err)
	}
	for _, p := range m.Catalog.Stats().Refused {
		if contract == "" || contract == p.ContractID {
			if err := m.leftOut(p.ContractID, []string{p.Type}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
