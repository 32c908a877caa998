package scheduler

import (
	"context"
)

// askAboutLost takes up claims whose answer was lost: the database may have
// carried them out after they were read back. Only the process that made a
// claim knows its token, so nobody else has sent these; a row that was claimed
// again since carries another.
func (c *cycle) askAboutLost(ctx context.Context) error {
	lost := c.takeLost()
	for i, claim := range lost {
		var taken load
		rows, err := c.store.claimed(ctx, claim)
		if err == nil && len(rows) > 0 {
			taken.parcels = claim.parcels(rows)
			if taken.users, err = c.usersOf(ctx, taken.parcels); err == nil {
				taken.parcels, taken.leads, err = c.withLeads(ctx, taken.parcels)
			}
		}
		if err != nil {
			c.lose(lost[i:]...)
			return err
		}
		if c.now.Sub(claim.made) < doubtTime {
			c.lose(claim.without(rows))
		}
		c.send(ctx, taken)
	}
	return nil
}

// parcels makes messages again of rows that a claim got.
func (c *claim) parcels(rows []held) []parcel {
	var parcels []parcel
	digests := map[int64]int{} // by user: where in parcels
	for _, r := range rows {
		if at, ok := digests[r.TelegramID]; ok {
			parcels[at].rows = append(parcels[at].rows, r)
			continue
		}
		kind := Nudge
		if c.digest {
			kind, digests[r.TelegramID] = Digest, len(parcels)
		}
		parcels = append(parcels, parcel{r.TelegramID, kind, []held{r}})
	}
	return parcels
}
