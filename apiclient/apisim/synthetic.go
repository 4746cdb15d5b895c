package apisim

import (
	"fmt"
	"time"
)

// Synthetic is an account of contracts × documents, each document size bytes
// of [Pseudo] under a filename that ends in ext (".bin" or ".pdf"). Nothing of
// it is held in memory but what is being asked for. The documents are spread
// over the types that never change, a month each, back from 2026-10.
func Synthetic(contracts, documents int, size int64, ext string) *Account {
	a := &Account{Contracts: make([]Contract, contracts)}
	for i := range a.Contracts {
		id := fmt.Sprintf("OCB%07d", 5000000+i)
		a.Contracts[i] = Contract{
			ID: id, Name: fmt.Sprintf("Synthetic %d", i+1), Type: "Production",
			CreatedAt: "2020-01-01T00:00:00Z", Offer: "Flexible Engine",
			CustomerID: "C000001", CustomerName: "Synthetic SA",
			Generate: func() []Document { return syntheticDocuments(i, id, documents, size, ext) },
		}
	}
	return a
}

func syntheticDocuments(contract int, contractID string, n int, size int64, ext string) []Document {
	types := []string{typeBills, typeInvoices, typeReports, typeRated}
	last := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	docs := make([]Document, n)
	for i := range docs {
		t := types[i%len(types)]
		month := last.AddDate(0, -(i/len(types))%240, 0)
		name := fmt.Sprintf("%s_%s_%06d%s", t, contractID, i+1, ext)
		docs[i] = Document{
			ID:        fmt.Sprintf("%d", 1_000_000_000+contract*10_000_000+i),
			Type:      t,
			Filename:  name,
			Period:    month.Format("200601"),
			CreatedAt: month.AddDate(0, 1, 2).Format(time.RFC3339),
			Content:   Pseudo(uint64(contract)<<32+uint64(i), size, name),
		}
	}
	return docs
}
