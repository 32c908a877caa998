package embedded

import (
	"cmp"
	"slices"
)

// tree is a persistent B-tree: an edit copies the nodes on its path and leaves
// every older version of the tree as it was. Readers therefore never lock, and
// abandoning a transaction is forgetting its tree.
type tree struct {
	root *node
	size int
}

// edit owns the nodes a transaction has created; those it may change in place.
type edit struct{ _ byte }

type node struct {
	owner    *edit
	items    []entry
	children []*node // nil in leaves
}

const (
	maxItems = 31
	minItems = maxItems / 2
)

// An entry is a row and its rank, which mostly tells where the row belongs
// without looking at it: it may lie anywhere in memory.
type entry struct {
	rank int64
	row  *row
}

// An order sorts the rows of a tree.
type order struct {
	rank func(*row) int64 // the lower comes first; of equal ones compare decides
	// compare compares two rows; equal means the same entry.
	compare func(a, b *row) int
}

func (o *order) entry(r *row) entry { return entry{o.rank(r), r} }

func (o *order) compareEntries(a, b entry) int {
	if a.rank != b.rank {
		return cmp.Compare(a.rank, b.rank)
	}
	return o.compare(a.row, b.row)
}

func (n *node) writable(by *edit) *node {
	if n.owner == by {
		return n
	}
	c := &node{owner: by, items: make([]entry, len(n.items), maxItems+1)}
	copy(c.items, n.items)
	if n.children != nil {
		c.children = make([]*node, len(n.children), maxItems+2)
		copy(c.children, n.children)
	}
	return c
}

// search returns where item is, or where it would stand.
func (n *node) search(item entry, o *order) (int, bool) {
	low, high := 0, len(n.items)
	for low < high {
		mid := int(uint(low+high) >> 1)
		c := o.compareEntries(n.items[mid], item)
		if c == 0 {
			return mid, true
		}
		if c < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, false
}

// insert adds a row that is not in the tree.
func (t *tree) insert(by *edit, r *row, o *order) {
	t.size++
	item := o.entry(r)
	if t.root == nil {
		t.root = &node{owner: by, items: append(make([]entry, 0, maxItems+1), item)}
		return
	}
	t.root = t.root.writable(by)
	if right, middle := t.root.insert(by, item, o); right != nil {
		t.root = &node{owner: by, items: []entry{middle}, children: []*node{t.root, right}}
	}
}

// insert returns the right half and the item between the halves if the node
// had to be split.
func (n *node) insert(by *edit, item entry, o *order) (right *node, middle entry) {
	i, _ := n.search(item, o)
	if n.children == nil {
		n.items = insertAt(n.items, i, item)
	} else {
		child := n.children[i].writable(by)
		n.children[i] = child
		split, between := child.insert(by, item, o)
		if split != nil {
			n.items = insertAt(n.items, i, between)
			n.children = insertAt(n.children, i+1, split)
		}
	}
	if len(n.items) <= maxItems {
		return nil, entry{}
	}
	half := len(n.items) / 2
	if n.children == nil && i == len(n.items)-1 {
		half = len(n.items) - 2 // rows that arrive in order fill their nodes
	}
	middle = n.items[half]
	right = &node{owner: by, items: append(make([]entry, 0, maxItems+1), n.items[half+1:]...)}
	clear(n.items[half:])
	n.items = n.items[:half]
	if n.children != nil {
		right.children = append(make([]*node, 0, maxItems+2), n.children[half+1:]...)
		clear(n.children[half+1:])
		n.children = n.children[:half+1]
	}
	return right, middle
}

// replace puts a row where another one is that it follows in the order, and
// reports whether no row stands between them: else nothing is changed.
func (t *tree) replace(by *edit, old, r *row, o *order) bool {
	was, item := o.entry(old), o.entry(r)
	if t.root == nil || !t.root.adjacent(was, item, o) {
		return false
	}
	t.root = t.root.writable(by)
	for n := t.root; ; {
		i, found := n.search(was, o)
		if found {
			n.items[i] = item
			return true
		}
		n.children[i] = n.children[i].writable(by)
		n = n.children[i]
	}
}

// adjacent reports whether was is below n, and what follows it follows item.
func (n *node) adjacent(was, item entry, o *order) bool {
	var after *entry // the nearest of those above
	for {
		i, found := n.search(was, o)
		if found && n.children != nil {
			for n = n.children[i+1]; n.children != nil; {
				n = n.children[0]
			}
			after = &n.items[0]
		} else if next := i + 1; found && next < len(n.items) {
			after = &n.items[next]
		}
		switch {
		case found:
			return after == nil || o.compareEntries(item, *after) < 0
		case n.children == nil:
			return false
		case i < len(n.items):
			after = &n.items[i]
		}
		n = n.children[i]
	}
}

func insertAt[T any](s []T, i int, v T) []T {
	s = append(s, v)
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

func removeAt[T any](s []T, i int) []T {
	copy(s[i:], s[i+1:])
	var zero T
	s[len(s)-1] = zero
	return s[:len(s)-1]
}

// grown makes a tree of items that are in order.
func grown(items []entry) tree {
	var nodes []*node
	var between []entry // the items that separate the nodes
	for rest := items; len(rest) > 0; {
		n := fitting(len(rest), 1)
		nodes = append(nodes, &node{items: slices.Clone(rest[:n])})
		if rest = rest[n:]; len(rest) > 0 {
			between, rest = append(between, rest[0]), rest[1:]
		}
	}
	for len(nodes) > 1 {
		nodes, between = above(nodes, between)
	}
	t := tree{size: len(items)}
	if len(nodes) > 0 {
		t.root = nodes[0]
	}
	return t
}

// above puts a level on top of nodes and the items between them.
func above(children []*node, items []entry) (nodes []*node, between []entry) {
	for len(children) > 0 {
		n := fitting(len(children)-1, 2)
		nodes = append(nodes, &node{items: slices.Clone(items[:n]), children: slices.Clone(children[:n+1])})
		if children = children[n+1:]; len(children) > 0 {
			between, items = append(between, items[n]), items[n+1:]
		}
	}
	return nodes, between
}

// fitting is how many of the items a node takes so that what is left, without
// one item that separates it, is nothing or at least one.
func fitting(items, least int) int {
	if items <= maxItems {
		return items
	}
	return min(maxItems, items-1-least)
}

// remove deletes an item and reports whether it was there.
func (t *tree) remove(by *edit, r *row, o *order) bool {
	if t.root == nil {
		return false
	}
	t.root = t.root.writable(by)
	if !t.root.remove(by, o.entry(r), o) {
		return false
	}
	t.size--
	if len(t.root.items) == 0 {
		if t.root.children == nil {
			t.root = nil
		} else {
			t.root = t.root.children[0]
		}
	}
	return true
}

func (n *node) remove(by *edit, item entry, o *order) bool {
	i, found := n.search(item, o)
	if n.children == nil {
		if found {
			n.items = removeAt(n.items, i)
		}
		return found
	}
	child := n.children[i].writable(by)
	n.children[i] = child
	if found {
		n.items[i] = child.removeLast(by)
	} else if !child.remove(by, item, o) {
		return false
	}
	n.rebalance(by, i)
	return true
}

func (n *node) removeLast(by *edit) entry {
	if n.children == nil {
		last := n.items[len(n.items)-1]
		n.items = removeAt(n.items, len(n.items)-1)
		return last
	}
	i := len(n.children) - 1
	child := n.children[i].writable(by)
	n.children[i] = child
	last := child.removeLast(by)
	n.rebalance(by, i)
	return last
}

// rebalance refills child i from a neighbour, or merges the two.
func (n *node) rebalance(by *edit, i int) {
	child := n.children[i]
	if len(child.items) >= minItems/2 {
		return
	}
	if i > 0 && len(n.children[i-1].items) > minItems {
		left := n.children[i-1].writable(by)
		n.children[i-1] = left
		last := len(left.items) - 1
		child.items = insertAt(child.items, 0, n.items[i-1])
		n.items[i-1] = left.items[last]
		left.items = removeAt(left.items, last)
		if left.children != nil {
			child.children = insertAt(child.children, 0, left.children[last+1])
			left.children = removeAt(left.children, last+1)
		}
		return
	}
	if i+1 < len(n.children) && len(n.children[i+1].items) > minItems {
		right := n.children[i+1].writable(by)
		n.children[i+1] = right
		child.items = append(child.items, n.items[i])
		n.items[i] = right.items[0]
		right.items = removeAt(right.items, 0)
		if right.children != nil {
			child.children = append(child.children, right.children[0])
			right.children = removeAt(right.children, 0)
		}
		return
	}
	if i == len(n.children)-1 {
		i--
	}
	if i < 0 {
		return
	}
	left, right := n.children[i], n.children[i+1]
	if len(left.items)+len(right.items)+1 > maxItems {
		return
	}
	left = left.writable(by)
	n.children[i] = left
	left.items = append(append(left.items, n.items[i]), right.items...)
	left.children = append(left.children, right.children...)
	n.items = removeAt(n.items, i)
	n.children = removeAt(n.children, i+1)
}

// A bound is where a walk through a tree begins: at the first entry with a higher
// rank, or with this one and a row for which reached is true. It must be false,
// then true along the order.
type bound struct {
	rank    int64
	reached func(*row) bool
}

func (b *bound) reachedBy(e entry) bool {
	if e.rank != b.rank {
		return e.rank > b.rank
	}
	return b.reached(e.row)
}

// ascend calls yield with the rows in order, from a bound or, where that is nil,
// from the beginning. It stops when yield returns false.
func (t *tree) ascend(from *bound, yield func(*row) bool) {
	if t.root != nil {
		t.root.ascend(from, yield)
	}
}

func (n *node) ascend(from *bound, yield func(*row) bool) bool {
	start := 0
	if from != nil {
		low, high := 0, len(n.items)
		for low < high {
			mid := int(uint(low+high) >> 1)
			if from.reachedBy(n.items[mid]) {
				high = mid
			} else {
				low = mid + 1
			}
		}
		start = low
	}
	for i := start; ; i++ {
		if n.children != nil && !n.children[i].ascend(from, yield) {
			return false
		}
		from = nil // everything to the right is beyond the start
		if i >= len(n.items) {
			return true
		}
		if !yield(n.items[i].row) {
			return false
		}
	}
}
