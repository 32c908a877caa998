package telegramtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrForeignFile is returned, wrapped, by [New] for a journal path that holds
// something else.
var ErrForeignFile = errors.New("not a telegramtest journal")

// journalHeader is the first line of every journal.
const journalHeader = `{"journal":"telegramtest","version":1}` + "\n"

// journal is an append-only file of JSON lines; each line is a list of records
// that took effect together.
type journal struct {
	file *os.File
	size int64 // of what is whole
}

// openJournal opens or makes the file and brings the state to what it holds. A
// last line without its line end was being written when the process died: its
// call was never answered, so it is dropped. A file that has grown is written
// anew, with what still counts.
func openJournal(path string, state *state) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := replay(file, state.apply)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if size < compactFrom {
		return &journal{file, size}, nil
	}
	compact, err := encode(state.snapshot())
	if err != nil || int64(len(compact)) > size/2 {
		return &journal{file, size}, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	return rewrite(path, compact)
}

// compactFrom is the size in bytes from which a journal is worth compacting.
const compactFrom = 256 << 10

// rewrite puts a compact journal in the place of the one at path. A crash
// leaves the one or the other.
func rewrite(path string, compact []byte) (*journal, error) {
	fresh := path + ".new"
	file, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err = file.Write(append([]byte(journalHeader), compact...)); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		file.Close()
		return nil, errors.Join(err, os.Remove(fresh))
	}
	return &journal{file, int64(len(journalHeader) + len(compact))}, nil
}

// replay leaves the file positioned, and cut, after its last whole line, and
// returns its size.
func replay(file *os.File, apply func(record)) (int64, error) {
	data, err := io.ReadAll(file)
	if err != nil {
		return 0, err
	}
	if bytes.HasPrefix([]byte(journalHeader), data) && len(data) < len(journalHeader) {
		// New, or torn while its first line was written.
		if err := reset(file, 0); err != nil {
			return 0, err
		}
		if _, err := file.WriteString(journalHeader); err != nil {
			return 0, err
		}
		return int64(len(journalHeader)), file.Sync()
	}
	rest, ours := bytes.CutPrefix(data, []byte(journalHeader))
	if !ours {
		return 0, ErrForeignFile
	}
	good := int64(len(journalHeader))
	for line := 2; len(rest) > 0; line++ {
		raw, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		var records []record
		if err := json.Unmarshal(raw, &records); err != nil {
			return 0, fmt.Errorf("line %d is damaged: %w", line, err)
		}
		for _, r := range records {
			apply(r)
		}
		good += int64(len(raw)) + 1
		rest = after
	}
	return good, reset(file, good)
}

// reset cuts the file to size and continues there.
func reset(file *os.File, size int64) error {
	if err := file.Truncate(size); err != nil {
		return err
	}
	_, err := file.Seek(size, io.SeekStart)
	return err
}

// append makes the records durable before it returns. When it cannot, as on a
// disk that is full, the journal is as it was, and broken is false; or nobody
// knows what it holds.
func (j *journal) append(records []record) (broken bool, err error) {
	line, err := encode(records)
	if err != nil {
		return false, err
	}
	if _, err := j.file.Write(line); err != nil {
		undo := reset(j.file, j.size)
		return undo != nil, errors.Join(err, undo)
	}
	if err := j.file.Sync(); err != nil {
		return true, err
	}
	j.size += int64(len(line))
	return false, nil
}

// encode is a line of the journal.
func encode(records []record) ([]byte, error) {
	line, err := json.Marshal(records)
	return append(line, '\n'), err
}

func (j *journal) close() error { return j.file.Close() }
