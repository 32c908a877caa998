package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"sync"
	"time"

	tele "gopkg.in/telebot.v3"
)

// handlers are what becomes of updates. Their context ends when a stop cuts them
// off.
type handlers struct {
	// received is told of each update at once, before its turn comes.
	received func(ctx context.Context, update tele.Update)
	// handle handles an update when its turn has come.
	handle func(ctx context.Context, update tele.Update)
	// flooded is told of an update that is passed over, since too many of its chat
	// wait.
	flooded func(ctx context.Context, update tele.Update)
}

// inbox holds updates between their receipt and the end of their handling.
type inbox struct {
	handlers
	ctx   context.Context // of the handlers
	mine  func() bool     // nil, or asked before each update whether it is still to be handled here
	urge  func()          // told that a chat waits for the ledger; nil where what is handled is settled
	slots chan struct{}   // one for each chat at work
	gone  chan struct{}   // a signal that an update was handled, or freed
	shut  chan struct{}   // closed when nothing more is handled

	mu        sync.Mutex
	queues    map[int64][]tele.Update // by chat with a worker; the first is being handled
	pending   map[int]*receipt        // by id, received and not yet handled
	done      map[int]through         // by id, those handled that Telegram may send again
	since     int                     // the first id that Telegram gave this process; zero: none yet
	last      int                     // id received
	confirmed int                     // the offset that Telegram has answered last
	unsettled map[int64]handledUpdate // by chat, the last that was handled, while a crash would have it handled again
	waiting   map[int64]struct{}      // chats without a worker that have updates behind an unsettled one
	closed    bool
	workers   sync.WaitGroup
}

// receipt is an update that was received.
type receipt struct {
	update  tele.Update
	at      time.Time
	handled chan struct{}   // closed when it was
	free    bool            // Telegram may forget it already, or has
	written bool            // the ledger may have it for open
	text    json.RawMessage // as the ledger has it; nil until it is asked for
}

// handledUpdate is an update that was handled.
type handledUpdate struct {
	id      int
	written bool // as its receipt was
}

func newInbox(ctx context.Context, h handlers) *inbox {
	return &inbox{
		handlers: h, ctx: ctx, slots: make(chan struct{}, atOnce), gone: make(chan struct{}, 1), shut: make(chan struct{}),
		queues: map[int64][]tele.Update{}, pending: map[int]*receipt{}, done: map[int]through{},
		unsettled: map[int64]handledUpdate{}, waiting: map[int64]struct{}{},
	}
}

// confirm notes that Telegram was told to forget the updates before offset.
func (in *inbox) confirm(offset int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.confirmed = offset
	maps.DeleteFunc(in.done, func(id int, _ through) bool { return id < offset })
	in.settle(func(last handledUpdate) bool { return last.id < offset && !last.written })
}

// recorded notes that the ledger has these updates for handled, or no more for
// open.
func (in *inbox) recorded(ids []int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.settle(func(last handledUpdate) bool { return slices.Contains(ids, last.id) })
}

// settle notes that updates will not be handled again, whatever happens to this
// process. The next update of their chats can begin then. So after a crash at
// most one update of a chat is handled again, and none after one that took it
// back. The caller holds mu.
func (in *inbox) settle(settled func(handledUpdate) bool) {
	for chat, last := range in.unsettled {
		if settled(last) {
			delete(in.unsettled, chat)
			if _, waiting := in.waiting[chat]; waiting && !in.closed {
				delete(in.waiting, chat)
				in.workers.Go(func() { in.work(chat) })
			}
		}
	}
}

// offset is the first update not yet handled: asking for it confirms all
// before it. Zero asks for whatever is unconfirmed.
func (in *inbox) offset() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.next()
}

func (in *inbox) next() int {
	if in.last == 0 {
		return 0
	}
	first := in.last + 1
	for id, receipt := range in.pending {
		if !receipt.free {
			first = min(first, id)
		}
	}
	return first
}

// inHand is how long updates are in hand before they are written down: most are
// handled sooner.
const inHand = time.Second

// entries are what another process would have to know, should this one die. What
// was handled before an open update of its chat is part of it: Telegram may send
// that one after the other is through.
func (in *inbox) entries(now time.Time) (e entries) {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := in.full()
	for id, receipt := range in.pending {
		if all || receipt.free || now.Sub(receipt.at) >= inHand {
			e.open = append(e.open, id)
			in.note(in.unsettled[chatOf(receipt.update)].id)
		}
	}
	slices.Sort(e.open)
	for _, id := range e.open {
		e.Open = append(e.Open, in.pending[id].write())
	}
	for _, last := range in.unsettled {
		if last.written {
			in.note(last.id)
			e.settled = append(e.settled, last.id)
		}
	}
	first := in.next()
	for id, done := range in.done {
		if done.noted || id >= first {
			if e.Handled == nil {
				e.Handled = map[int]uint32{}
			}
			e.Handled[id] = done.mark
			e.settled = append(e.settled, id)
		}
	}
	return e
}

// through is an update that was handled. Its number alone does not tell it from
// every other: another bot on the same database may come by the same.
type through struct {
	mark  uint32
	noted bool // the ledger has to say so
}

// markOf tells updates with the same number from each other.
func markOf(update tele.Update) uint32 {
	sum := fnv.New32a()
	sum.Write(essence(update))
	return sum.Sum32()
}

// wasHandled reports whether an update was handled before. The caller holds mu.
func (in *inbox) wasHandled(update tele.Update) bool {
	done, there := in.done[update.ID]
	return there && done.mark == markOf(update)
}

// write is the update as the ledger keeps it, which may have it for open from
// now on.
func (r *receipt) write() json.RawMessage {
	if r.text == nil {
		r.text = essence(r.update)
	}
	r.written = true
	return r.text
}

// note has the ledger say that an update was handled for as long as Telegram may
// send it again. The caller holds mu.
func (in *inbox) note(id int) {
	if done, there := in.done[id]; there {
		in.done[id] = through{done.mark, true}
	}
}

// full reports whether what Telegram shows may soon be nothing but updates in
// hand. The caller holds mu.
func (in *inbox) full() bool {
	bound := 0
	for _, receipt := range in.pending {
		if !receipt.free {
			bound++
		}
	}
	return bound >= updatesAtOnce/2
}

func (in *inbox) crowded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.full()
}

// resume takes over what a process before this one has left: what it handled is
// not handled again, and what it did not is now. Telegram may send both once
// more, and has sent what is not older than the first it gave.
func (in *inbox) resume(e entries) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for id, mark := range e.Handled {
		in.done[id] = through{mark, true}
	}
	for _, text := range e.Open {
		last := in.last
		update, ok := readUpdate(text)
		if !ok || in.since != 0 && update.ID >= in.since {
			continue
		}
		if in.queue(update) {
			in.pending[update.ID].free, in.pending[update.ID].written = true, true
		}
		in.last = last // Telegram was not asked for it
	}
}

// free lets Telegram forget these updates, which are kept elsewhere.
func (in *inbox) free(ids []int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, id := range ids {
		if receipt := in.pending[id]; receipt != nil {
			receipt.free = true
		}
	}
	signal(in.gone)
}

// release lets Telegram forget what is still pending, and returns how many
// updates that are. Should the process die now, they are lost.
func (in *inbox) release() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, receipt := range in.pending {
		receipt.free = true
	}
	signal(in.gone)
	return len(in.pending)
}

// unconfirmed reports whether updates were handled that Telegram has not been
// told of.
func (in *inbox) unconfirmed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.next() != in.confirmed
}

// busy reports whether Telegram would show an update that is in hand.
func (in *inbox) busy() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, receipt := range in.pending {
		if !receipt.free {
			return true
		}
	}
	return false
}

// admit queues the updates that are not queued yet and returns how many.
func (in *inbox) admit(updates []tele.Update) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	admitted := 0
	for _, update := range updates {
		in.since = cmp.Or(in.since, update.ID)
		if in.queue(update) {
			admitted++
		}
	}
	return admitted
}

// queue queues an update unless it was received before. The caller holds mu.
func (in *inbox) queue(update tele.Update) bool {
	// Ids are compared for equality only: after a quiet week Telegram goes on
	// with one chosen at random, which may be lower.
	_, queued := in.pending[update.ID]
	done := in.wasHandled(update)
	if done {
		in.last = max(in.last, update.ID) // a process before this one may have handled it
	}
	if queued || done || in.closed {
		return false
	}
	in.last = update.ID
	chat := chatOf(update)
	queue, atWork := in.queues[chat]
	if len(queue) >= mostWaiting {
		in.done[update.ID] = through{mark: markOf(update)}
		in.workers.Go(func() { in.flooded(in.ctx, update) })
		return false
	}
	in.pending[update.ID] = &receipt{update: update, at: time.Now(), handled: make(chan struct{})}
	in.received(in.ctx, update)
	in.queues[chat] = append(queue, update)
	if !atWork {
		in.workers.Go(func() { in.work(chat) })
	}
	return true
}

// mostWaiting is how many updates of a chat are kept while an earlier one is being
// handled: nobody has written so much in earnest, and whoever writes on and on
// must not fill the memory.
const mostWaiting = 300

// remembered is how many handled updates are recognised when they are posted
// again.
const remembered = 1000

// take queues one update, unless it was received before, and waits until it is
// handled. It reports whether it is.
func (in *inbox) take(ctx context.Context, update tele.Update) bool {
	in.mu.Lock()
	in.queue(update)
	maps.DeleteFunc(in.done, func(id int, _ through) bool { return id < in.last-remembered })
	receipt := in.pending[update.ID]
	done := in.wasHandled(update)
	in.mu.Unlock()
	if receipt == nil {
		return done
	}
	select {
	case <-receipt.handled:
	case <-in.shut:
	case <-ctx.Done():
	}
	select {
	case <-receipt.handled:
		return true
	default:
		return false
	}
}

// work handles the updates of one chat until there are none left.
func (in *inbox) work(chat int64) {
	in.slots <- struct{}{}
	defer func() { <-in.slots }()
	for update, ok := in.first(chat); ok; update, ok = in.first(chat) {
		if in.mine != nil && !in.mine() {
			in.refuse()
			continue
		}
		in.handle(in.ctx, update)
		if in.ctx.Err() != nil { // it was cut off, and is handled again by who comes next
			in.refuse()
			continue
		}
		in.handled(chat, update.ID)
	}
}

// first is the update of a chat to handle next. Where there is none the chat
// is forgotten in the same breath, so that the next update finds it without a
// worker.
func (in *inbox) first(chat int64) (tele.Update, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	queue := in.queues[chat]
	if len(queue) == 0 || in.closed {
		delete(in.queues, chat)
		return tele.Update{}, false
	}
	if last, unsettled := in.unsettled[chat]; unsettled {
		in.waiting[chat] = struct{}{}
		if last.written {
			in.urge()
		}
		return tele.Update{}, false
	}
	return queue[0], true
}

// handled strikes an update off.
func (in *inbox) handled(chat int64, id int) {
	in.mu.Lock()
	mark := markOf(in.queues[chat][0])
	in.queues[chat] = in.queues[chat][1:]
	close(in.pending[id].handled)
	if in.urge != nil {
		in.unsettled[chat] = handledUpdate{id, in.pending[id].written}
	}
	delete(in.pending, id)
	in.done[id] = through{mark: mark}
	in.mu.Unlock()
	signal(in.gone)
}

// await waits for an update to be handled, or freed, at most d.
func (in *inbox) await(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-in.gone:
	}
}

// close waits for the updates being handled. Those that wait behind them stay
// unhandled, and so unconfirmed. It is called once.
func (in *inbox) close() {
	in.refuse()
	in.workers.Wait()
	close(in.shut)
}

// refuse has nothing begun any more.
func (in *inbox) refuse() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
}

// chatOf is the chat an update belongs to; updates of no chat share chat 0.
func chatOf(update tele.Update) int64 {
	switch {
	case update.Message != nil && update.Message.Chat != nil:
		return update.Message.Chat.ID
	case update.Callback != nil && update.Callback.Message != nil && update.Callback.Message.Chat != nil:
		return update.Callback.Message.Chat.ID
	case update.Callback != nil && update.Callback.Sender != nil:
		return update.Callback.Sender.ID
	case update.MyChatMember != nil && update.MyChatMember.Chat != nil:
		return update.MyChatMember.Chat.ID
	}
	return 0
}
