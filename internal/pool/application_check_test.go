package pool_test

import (
	"ccsfs/apiclient"
	"ccsfs/internal/pool"
)

var _ apiclient.Pool = (*pool.Pool)(nil)
