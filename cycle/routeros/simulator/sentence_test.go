package simulator

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentencesOfEveryLengthClass(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000} {
		words := []string{strings.Repeat("w", n), "=x="}
		got, err := readSentence(bufio.NewReader(bytes.NewReader(appendSentence(nil, words...))))
		if err != nil || !cmp.Equal(got, words) {
			t.Errorf("a word of %d bytes does not come back: %v", n, err)
		}
	}
	for name, b := range map[string][]byte{
		"reserved byte": {0xF8, 1, 2}, "4 GiB": {0xF0, 0xFF, 0xFF, 0xFF, 0xFF}, "cut": {5, 'a'}, "no end": {1, 'a'},
	} {
		if got, err := readSentence(bufio.NewReader(bytes.NewReader(b))); err == nil {
			t.Errorf("%s: read as %q", name, got)
		}
	}
}

func FuzzReadSentence(f *testing.F) {
	f.Add(appendSentence(nil, "/login", "=name=a", "=password=b=c"))
	f.Add([]byte{0x80, 0x80})
	f.Add([]byte{0xF0, 0, 0, 0, 1, 'x', 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		words, err := readSentence(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		again, err := readSentence(bufio.NewReader(bytes.NewReader(appendSentence(nil, words...))))
		if err != nil || !cmp.Equal(words, again) {
			t.Errorf("%q comes back as %q, %v", words, again, err)
		}
		parseSentence(words)
	})
}
