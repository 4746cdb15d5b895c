package apiclient_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"ccsfs/apiclient"
	"ccsfs/apiclient/apisim"
)

// The simulated API stands in for the real one, whose addresses are the
// defaults.
func Example() {
	srv := httptest.NewServer(&apisim.Server{Account: smallAccount()})
	defer srv.Close()

	cfg := apiclient.DefaultConfig()
	cfg.APIURL, cfg.OAuthURL = srv.URL+apisim.APIPath, srv.URL+apisim.OAuthPath
	cfg.ClientID, cfg.ClientSecret, cfg.APIKey = apisim.ClientID, apisim.ClientSecret, apisim.APIKey
	client, err := apiclient.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx := context.Background()
	contracts, err := client.Contracts(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, contract := range contracts {
		bills, err := client.Documents(ctx, contract.ID, apiclient.DocumentsQuery{Type: "bills", Limit: 100})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contract.Name, "has", len(bills), "bills")
	}
	// Output: Production has 2 bills
}
