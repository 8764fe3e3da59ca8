package simulator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The bounds of what a client may send. RouterOS does not tell its own.
const (
	maxWord     = 4 << 20 // bytes
	maxSentence = 4096    // words
)

var errSentence = errors.New("malformed API sentence")

// readSentence reads words up to the empty one that ends a sentence; empty
// sentences are passed over. Words are raw bytes.
func readSentence(r *bufio.Reader) (words []string, err error) {
	total := 0
	for {
		n, err := readLength(r)
		if err != nil {
			if len(words) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if n == 0 {
			if len(words) > 0 {
				return words, nil
			}
			continue
		}
		if total += n; total > maxWord || len(words) >= maxSentence {
			return nil, fmt.Errorf("%w: too long", errSentence)
		}
		word, err := readWord(r, n)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
}

// readWord reads a word of n bytes. A long one grows as its bytes come in: a
// length alone costs nothing.
func readWord(r *bufio.Reader, n int) (word string, err error) {
	var b []byte
	if n <= 4096 {
		b = make([]byte, n)
		_, err = io.ReadFull(r, b)
	} else if b, err = io.ReadAll(io.LimitReader(r, int64(n))); err == nil && len(b) < n {
		err = io.ErrUnexpectedEOF
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return string(b), err
}

// readLength reads the prefix of a word: one to five bytes, the leading bits of
// the first of which tell how many.
func readLength(r *bufio.Reader) (int, error) {
	first, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	more, bits := 0, uint64(first)
	switch {
	case first < 0x80:
	case first < 0xC0:
		more, bits = 1, bits&0x3F
	case first < 0xE0:
		more, bits = 2, bits&0x1F
	case first < 0xF0:
		more, bits = 3, bits&0x0F
	case first == 0xF0:
		more, bits = 4, 0
	default:
		return 0, fmt.Errorf("%w: reserved length byte %#x", errSentence, first)
	}
	for range more {
		b, err := r.ReadByte()
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		bits = bits<<8 | uint64(b)
	}
	if bits > maxWord {
		return 0, fmt.Errorf("%w: a word of %d bytes", errSentence, bits)
	}
	return int(bits), nil
}

// appendSentence writes words and the empty one that ends them.
func appendSentence(b []byte, words ...string) []byte {
	for _, w := range words {
		b = append(appendLength(b, len(w)), w...)
	}
	return append(b, 0)
}

func appendLength(b []byte, n int) []byte {
	switch {
	case n < 0x80:
		return append(b, byte(n))
	case n < 0x4000:
		return append(b, byte(n>>8)|0x80, byte(n))
	case n < 0x200000:
		return append(b, byte(n>>16)|0xC0, byte(n>>8), byte(n))
	case n < 0x10000000:
		return append(b, byte(n>>24)|0xE0, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(b, 0xF0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
