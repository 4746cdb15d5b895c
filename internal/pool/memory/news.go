package memory

import (
	"strconv"
	"strings"

	"ccsfs/internal/pool"
)

// news is the last pieces of news. A place is that of a piece that is there, so that
// whoever comes back with it is told whether it still is: the first one is a beginning,
// which tells nothing.
type news struct {
	life   string // another one after everything was forgotten
	first  int    // number of pieces[0]
	pieces []piece
}

type piece struct {
	text      string
	beginning bool
}

func (n *news) add(p piece) {
	n.pieces = append(n.pieces, p)
	if more := len(n.pieces) - pool.NewsMost; more > 0 {
		clear(n.pieces[:more])
		n.pieces = n.pieces[more:]
		n.first += more
	}
}

func (n *news) after(place string) (told []string, last string, missed bool) {
	if len(n.pieces) == 0 {
		n.add(piece{beginning: true})
	}
	end := n.first + len(n.pieces) - 1
	if place == "" {
		return nil, n.place(end), false
	}
	life, number, _ := strings.Cut(place, ".")
	at, err := strconv.Atoi(number)
	if err != nil || life != n.life || at < n.first || at > end {
		return nil, n.place(end), true
	}
	end = min(end, at+pool.NewsAtOnce)
	for _, p := range n.pieces[at-n.first+1 : end-n.first+1] {
		if !p.beginning {
			told = append(told, p.text)
		}
	}
	return told, n.place(end), false
}

func (n *news) place(number int) string { return n.life + "." + strconv.Itoa(number) }
