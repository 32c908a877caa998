package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt trusts what it reads in its file: a damaged length or page number makes
// it loop, panic or leave the memory it has mapped. So every page in use is
// looked at here first, with the eyes of a stranger.

// meta is what one of the two meta pages at the start of a bbolt file says.
type meta struct {
	pageSize int64
	root     uint64 // page of the root bucket
	freelist uint64 // page of the list of free pages
	high     uint64 // pages from here on are not in use
	txid     uint64
}

const (
	pageHeader    = 16 // id, flags, count, overflow
	elementHeader = 16
	metaSize      = 64
	metaSum       = metaSize - 8

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf's element
)

// readMeta reads a meta page.
func readMeta(page []byte) (m meta, ok bool) {
	order := binary.NativeEndian
	raw := page[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(raw[:metaSum])
	if order.Uint32(raw) != boltMagic || order.Uint32(raw[4:]) != boltVersion || order.Uint64(raw[metaSum:]) != sum.Sum64() {
		return meta{}, false
	}
	return meta{
		pageSize: int64(order.Uint32(raw[8:])),
		root:     order.Uint64(raw[16:]),
		freelist: order.Uint64(raw[32:]),
		high:     order.Uint64(raw[40:]),
		txid:     order.Uint64(raw[48:]),
	}, true
}

// inspect finds out from the start of a file and its size whether it can be a
// whole bbolt file; what it says about the pages is for [verify]. The meta pages
// are written in turn, so a file without one of them still opens in bbolt: as
// it was before the last commit, which had been promised.
func inspect(file io.ReaderAt, size int64) (meta, error) {
	pageSize := int64(os.Getpagesize())
	head := make([]byte, 2*pageSize)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return meta{}, err
	}
	head = head[:n]
	if !bytes.ContainsFunc(head, func(r rune) bool { return r != 0 }) && size <= 4*pageSize {
		return meta{}, fmt.Errorf("%w: its creation was interrupted; nothing is lost: delete it", ErrForeignFile)
	}
	var metas [2]meta
	var whole [2]bool
	for i := range metas {
		if at := int64(i) * pageSize; at+pageHeader+metaSize <= int64(n) {
			metas[i], whole[i] = readMeta(head[at:])
		}
	}
	switch {
	case !whole[0] && !whole[1]:
		return meta{}, fmt.Errorf("%w: it has another format, or was damaged; give another path, or restore a copy", ErrForeignFile)
	case whole[0] && metas[0].pageSize != pageSize:
		return meta{}, fmt.Errorf("%w: it was written on a machine with pages of %d bytes, this one has %d", ErrForeignFile, metas[0].pageSize, pageSize)
	case whole[0] && metas[0].txid == 0 && size < 4*pageSize:
		return meta{}, fmt.Errorf("%w: its creation was interrupted; nothing is lost: delete it", ErrForeignFile)
	case !whole[0] || !whole[1] || metas[0].txid+1 != metas[1].txid && metas[1].txid+1 != metas[0].txid:
		return meta{}, damaged("one of its two headers is gone, and with it perhaps the last write")
	}
	last := metas[0]
	if metas[1].txid > last.txid {
		last = metas[1]
	}
	if pages := uint64(size / pageSize); pages < last.high {
		return meta{}, damaged(fmt.Sprintf("it is cut short, %d pages of %d", pages, last.high))
	}
	return last, nil
}

func damaged(how string) error {
	return fmt.Errorf("%w: it is damaged (%s); restore a copy", ErrForeignFile, how)
}

// verify walks through all pages that m leads to: each lies within the file, is
// used once, holds what its kind should, in order; and those that are not used
// are listed as free.
func verify(file io.ReaderAt, m meta) error {
	v := &verifier{file: file, meta: m, used: make([]bool, m.high)}
	if m.high < 4 {
		return damaged("it has no pages")
	}
	v.used[0], v.used[1] = true, true
	if err := v.tree(m.root, nil, nil, 0); err != nil {
		return err
	}
	if err := v.free(); err != nil {
		return err
	}
	for id, used := range v.used {
		if !used {
			return damaged(fmt.Sprintf("page %d is neither used nor free", id))
		}
	}
	return nil
}

type verifier struct {
	file  io.ReaderAt
	meta  meta
	used  []bool
	spare [][]byte // pages that were looked at
}

// deepest is far more levels than 2^64 rows need.
const deepest = 64

// page reads page id, with those that it continues on, which nobody else may use.
func (v *verifier) page(id uint64) (page []byte, flags uint16, count int, err error) {
	if id < 2 || id >= v.meta.high {
		return nil, 0, 0, damaged(fmt.Sprintf("there is no page %d", id))
	}
	order := binary.NativeEndian
	var header [pageHeader]byte
	at := int64(id) * v.meta.pageSize
	if _, err := v.file.ReadAt(header[:], at); err != nil {
		return nil, 0, 0, err
	}
	overflow := uint64(order.Uint32(header[12:]))
	if order.Uint64(header[:]) != id || id+overflow >= v.meta.high {
		return nil, 0, 0, damaged(fmt.Sprintf("page %d", id))
	}
	for i := id; i <= id+overflow; i++ {
		if v.used[i] {
			return nil, 0, 0, damaged(fmt.Sprintf("page %d is used twice", i))
		}
		v.used[i] = true
	}
	size := (1 + int64(overflow)) * v.meta.pageSize
	if n := len(v.spare); n > 0 && int64(cap(v.spare[n-1])) >= size {
		page, v.spare = v.spare[n-1][:size], v.spare[:n-1]
	} else {
		page = make([]byte, size)
	}
	if _, err := v.file.ReadAt(page, at); err != nil {
		return nil, 0, 0, err
	}
	return page, order.Uint16(header[8:]), int(order.Uint16(header[10:])), nil
}

// tree verifies the pages of a bucket from id down. Its keys are not below low
// and, unless it is nil, below high.
func (v *verifier) tree(id uint64, low, high []byte, depth int) error {
	page, flags, count, err := v.page(id)
	if err != nil {
		return err
	}
	defer func() { v.spare = append(v.spare, page) }()
	bad := damaged(fmt.Sprintf("page %d", id))
	switch {
	case depth > deepest:
		return bad
	case flags == flagLeaf:
		if count == 0 && depth > 0 {
			return bad
		}
		return v.leaf(page, count, low, high, bad)
	case flags != flagBranch || count == 0 || pageHeader+count*elementHeader > len(page):
		return bad
	}
	order := binary.NativeEndian
	keys, children := make([][]byte, count+1), make([]uint64, count)
	used := pageHeader + count*elementHeader
	for i := range count {
		element := pageHeader + i*elementHeader
		if keys[i], _, used, err = cut(page, used, element, order.Uint32(page[element:]), order.Uint32(page[element+4:]), 0); err != nil {
			return bad
		}
		children[i] = order.Uint64(page[element+8:])
	}
	keys[count] = high
	for i, child := range children {
		if bytes.Compare(keys[i], low) < 0 || keys[i+1] != nil && bytes.Compare(keys[i], keys[i+1]) >= 0 {
			return bad
		}
		if err := v.tree(child, keys[i], keys[i+1], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// leaf verifies the elements of a leaf, and the buckets among them.
func (v *verifier) leaf(page []byte, count int, low, high []byte, bad error) error {
	if pageHeader+count*elementHeader > len(page) {
		return bad
	}
	order := binary.NativeEndian
	var last []byte
	used := pageHeader + count*elementHeader
	for i := range count {
		element := pageHeader + i*elementHeader
		flags := order.Uint32(page[element:])
		var key, value []byte
		var err error
		key, value, used, err = cut(page, used, element, order.Uint32(page[element+4:]), order.Uint32(page[element+8:]), order.Uint32(page[element+12:]))
		if err != nil || flags&^flagBucket != 0 || i > 0 && bytes.Compare(last, key) >= 0 || bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return bad
		}
		last = key
		if flags&flagBucket == 0 {
			continue
		}
		const bucketHeader = 16 // root and sequence
		if len(value) < bucketHeader {
			return bad
		}
		if root := order.Uint64(value); root != 0 {
			if err := v.tree(root, nil, nil, 0); err != nil {
				return err
			}
			continue
		}
		inline := value[bucketHeader:] // a bucket so small that its only page stands in its parent's
		if len(inline) < pageHeader || order.Uint16(inline[8:]) != flagLeaf {
			return bad
		}
		if err := v.leaf(inline, int(order.Uint16(inline[10:])), nil, nil, bad); err != nil {
			return err
		}
	}
	return nil
}

// cut takes the key and value of an element, which stand behind what is used of
// the page by those before, and returns what is used then. The position counts
// from the element.
func cut(page []byte, used, element int, position, keySize, valueSize uint32) (key, value []byte, end int, err error) {
	start := uint64(element) + uint64(position)
	middle := start + uint64(keySize)
	last := middle + uint64(valueSize)
	if start < uint64(used) || last > uint64(len(page)) {
		return nil, nil, 0, io.ErrUnexpectedEOF
	}
	return page[start:middle], page[middle:last], int(last), nil
}

// free verifies the list of free pages.
func (v *verifier) free() error {
	page, flags, count, err := v.page(v.meta.freelist)
	if err != nil {
		return err
	}
	bad := damaged("the list of free pages")
	if flags != flagFreelist {
		return bad
	}
	order := binary.NativeEndian
	ids, n := page[pageHeader:], uint64(count)
	if n == 0xFFFF { // too many for the header
		n, ids = order.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return bad
	}
	for i := range n {
		id := order.Uint64(ids[8*i:])
		if id < 2 || id >= v.meta.high || v.used[id] {
			return bad
		}
		v.used[id] = true
	}
	return nil
}
