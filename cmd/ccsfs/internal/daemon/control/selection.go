package control

import (
	"context"
	"errors"
	"fmt"

	"ccsfs/apiclient"
	"ccsfs/internal/catalog"
	"ccsfs/internal/folder"
)

// selected is a contract, and the path to a part of it.
type selected struct {
	contract catalog.ContractEntry
	below    []string
}

// selection finds the contracts that paths in the mount are about; without any
// path, all contracts. What is not there is an error of package folder.
func (m *Mount) selection(ctx context.Context, paths []string) ([]selected, error) {
	list, err := m.Catalog.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	var all []selected
	if len(paths) == 0 {
		for _, e := range list.Entries {
			all = append(all, selected{contract: e})
		}
	}
	for _, path := range paths {
		parts := folder.Split(path)
		if len(parts) == 0 {
			return nil, fmt.Errorf("%q names no contract: %w", path, apiclient.ErrNotFound)
		}
		e, err := folder.Contract(list, parts[0])
		if err != nil {
			return nil, err
		}
		all = append(all, selected{e, parts[1:]})
	}
	return all, nil
}

// refresh asks the API anew, about the contract of path or, if that is empty,
// about everything. Documents that could not be had are asked for when they are
// wanted, and not after their time only.
func (m *Mount) refresh(ctx context.Context, path string) error {
	m.Content.Forgive()
	contract := ""
	if path != "" {
		where, err := m.selection(ctx, []string{path})
		var old *folder.OldError
		if unsure := apiclient.Refused(err) || errors.Is(err, apiclient.ErrNotFound) || errors.As(err, &old); unsure { // by what was known
			if err = m.Catalog.RefreshContracts(ctx); err == nil {
				where, err = m.selection(ctx, []string{path})
			}
		}
		if err != nil {
			return err
		}
		contract = where[0].contract.ID
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
