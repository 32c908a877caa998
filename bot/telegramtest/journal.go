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
}

// openJournal opens or makes the file and feeds what it holds to apply. A last
// line without its line end was being written when the process died: its call
// was never answered, so it is dropped.
func openJournal(path string, apply func(record)) (*journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := replay(file, apply); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &journal{file: file}, nil
}

// replay leaves the file positioned, and cut, after its last whole line.
func replay(file *os.File, apply func(record)) error {
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	if bytes.HasPrefix([]byte(journalHeader), data) && len(data) < len(journalHeader) {
		// New, or torn while its first line was written.
		if err := reset(file, 0); err != nil {
			return err
		}
		if _, err := file.WriteString(journalHeader); err != nil {
			return err
		}
		return file.Sync()
	}
	rest, ours := bytes.CutPrefix(data, []byte(journalHeader))
	if !ours {
		return ErrForeignFile
	}
	good := int64(len(journalHeader))
	for line := 2; len(rest) > 0; line++ {
		raw, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		var records []record
		if err := json.Unmarshal(raw, &records); err != nil {
			return fmt.Errorf("line %d is damaged: %w", line, err)
		}
		for _, r := range records {
			apply(r)
		}
		good += int64(len(raw)) + 1
		rest = after
	}
	return reset(file, good)
}

// reset cuts the file to size and continues there.
func reset(file *os.File, size int64) error {
	if err := file.Truncate(size); err != nil {
		return err
	}
	_, err := file.Seek(size, io.SeekStart)
	return err
}

// append makes the records durable before it returns.
func (j *journal) append(records []record) error {
	line, err := json.Marshal(records)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}

func (j *journal) close() error { return j.file.Close() }
