package embedded

import "slices"

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
	items    []*row
	children []*node // nil in leaves
}

const (
	maxItems = 63
	minItems = maxItems / 2
)

// order compares two rows; equal means the same entry.
type order func(a, b *row) int

func (n *node) writable(by *edit) *node {
	if n.owner == by {
		return n
	}
	c := &node{owner: by, items: make([]*row, len(n.items), maxItems+1)}
	copy(c.items, n.items)
	if n.children != nil {
		c.children = make([]*node, len(n.children), maxItems+2)
		copy(c.children, n.children)
	}
	return c
}

// search returns where item is, or where it would stand.
func (n *node) search(item *row, cmp order) (int, bool) {
	low, high := 0, len(n.items)
	for low < high {
		mid := int(uint(low+high) >> 1)
		c := cmp(n.items[mid], item)
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

// insert adds an item that is not in the tree.
func (t *tree) insert(by *edit, item *row, cmp order) {
	t.size++
	if t.root == nil {
		t.root = &node{owner: by, items: append(make([]*row, 0, maxItems+1), item)}
		return
	}
	t.root = t.root.writable(by)
	if right, middle := t.root.insert(by, item, cmp); right != nil {
		t.root = &node{owner: by, items: []*row{middle}, children: []*node{t.root, right}}
	}
}

// insert returns the right half and the item between the halves if the node
// had to be split.
func (n *node) insert(by *edit, item *row, cmp order) (right *node, middle *row) {
	i, _ := n.search(item, cmp)
	if n.children == nil {
		n.items = insertAt(n.items, i, item)
	} else {
		child := n.children[i].writable(by)
		n.children[i] = child
		split, between := child.insert(by, item, cmp)
		if split != nil {
			n.items = insertAt(n.items, i, between)
			n.children = insertAt(n.children, i+1, split)
		}
	}
	if len(n.items) <= maxItems {
		return nil, nil
	}
	half := len(n.items) / 2
	if n.children == nil && i == len(n.items)-1 {
		half = len(n.items) - 2 // rows that arrive in order fill their nodes
	}
	middle = n.items[half]
	right = &node{owner: by, items: append(make([]*row, 0, maxItems+1), n.items[half+1:]...)}
	clear(n.items[half:])
	n.items = n.items[:half]
	if n.children != nil {
		right.children = append(make([]*node, 0, maxItems+2), n.children[half+1:]...)
		clear(n.children[half+1:])
		n.children = n.children[:half+1]
	}
	return right, middle
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
func grown(items []*row) tree {
	var nodes []*node
	var between []*row // the items that separate the nodes
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
func above(children []*node, items []*row) (nodes []*node, between []*row) {
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
func (t *tree) remove(by *edit, item *row, cmp order) bool {
	if t.root == nil {
		return false
	}
	t.root = t.root.writable(by)
	if !t.root.remove(by, item, cmp) {
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

func (n *node) remove(by *edit, item *row, cmp order) bool {
	i, found := n.search(item, cmp)
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
	} else if !child.remove(by, item, cmp) {
		return false
	}
	n.rebalance(by, i)
	return true
}

func (n *node) removeLast(by *edit) *row {
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

// ascend calls yield with the items in order, from the first for which reached
// is true; reached must be false, then true along the order. A nil reached
// starts at the beginning. It stops when yield returns false.
func (t *tree) ascend(reached func(*row) bool, yield func(*row) bool) {
	if t.root != nil {
		t.root.ascend(reached, yield)
	}
}

func (n *node) ascend(reached func(*row) bool, yield func(*row) bool) bool {
	start := 0
	if reached != nil {
		low, high := 0, len(n.items)
		for low < high {
			mid := int(uint(low+high) >> 1)
			if reached(n.items[mid]) {
				high = mid
			} else {
				low = mid + 1
			}
		}
		start = low
	}
	for i := start; ; i++ {
		if n.children != nil && !n.children[i].ascend(reached, yield) {
			return false
		}
		reached = nil // everything to the right is beyond the start
		if i >= len(n.items) {
			return true
		}
		if !yield(n.items[i]) {
			return false
		}
	}
}
