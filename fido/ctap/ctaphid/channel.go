package ctaphid

// Bounds of the channel table.
const (
	defaultChannels = 64
	minChannels     = 4 // one in a transaction, and some to give away
)

// channels is the bounded set of allocated channels, each with the turn at
// which it was last used.
type channels struct {
	limit int
	draw  func() uint32
	used  map[uint32]uint64
	turn  uint64
}

func newChannels(limit int, draw func() uint32) channels {
	if limit == 0 {
		limit = defaultChannels
	}
	return channels{limit: max(limit, minChannels), draw: draw, used: map[uint32]uint64{}}
}

func (c *channels) has(cid uint32) bool {
	_, ok := c.used[cid]
	return ok
}

// touch notes that an allocated channel was used.
func (c *channels) touch(cid uint32) {
	c.turn++
	c.used[cid] = c.turn
}

// allocate gives a new channel. Where the table is full the channel unused for
// longest goes, but never busy, the one in a transaction.
func (c *channels) allocate(busy uint32) uint32 {
	if len(c.used) >= c.limit {
		c.evict(busy)
	}
	cid := c.draw()
	// Stepping on from a taken number ends however poor the draw is: fewer
	// numbers are taken than there are.
	for cid == 0 || cid == Broadcast || c.has(cid) {
		cid++
	}
	c.touch(cid)
	return cid
}

// admit allocates a channel whose number a host made up.
func (c *channels) admit(cid, busy uint32) {
	if len(c.used) >= c.limit {
		c.evict(busy)
	}
	c.touch(cid)
}

func (c *channels) evict(busy uint32) {
	var oldest uint32
	turn := ^uint64(0)
	for cid, used := range c.used {
		if cid != busy && used < turn {
			oldest, turn = cid, used
		}
	}
	delete(c.used, oldest)
}
