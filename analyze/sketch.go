package analyze

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/DataDog/sketches-go/ddsketch/encoding"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

// sketch is the sum of hours' DDSketches: counts of durations in bins whose width
// is a share of the duration. Note: sketches-go decodes these bytes too, but
// panics on malformed ones, builds stores anew for each and took five times as
// long.
type sketch struct {
	mapping mapping.IndexMapping
	bytes   []byte // of the mapping, as every sketch of a recording begins
	zeros   int64
	count   int64 // all, zeros included
	bins    []int64
}

// maxBin bounds the index of a bin: durations of 1 us to 292 years need 0 to 4,400.
const maxBin = 8192

// mappingSize is the flag and the two numbers that a mapping is encoded as.
const mappingSize = 17

var errSketch = errors.New("malformed sketch")

// add merges an encoded sketch of durations in microseconds. After an error the
// sketch is of no use.
func (s *sketch) add(b []byte) error {
	for len(b) > 0 {
		flag, err := encoding.DecodeFlag(&b)
		if err != nil {
			return errSketch
		}
		switch flag.Type() {
		case encoding.FlagTypeIndexMapping:
			if len(b) < mappingSize-1 {
				return errSketch
			}
			err = s.setMapping(flag, b[:mappingSize-1])
			b = b[mappingSize-1:]
		case encoding.FlagTypePositiveStore:
			err = s.addBins(&b, flag.SubFlag())
		default:
			if flag != encoding.FlagZeroCountVarFloat {
				return errSketch // negative durations, or what is not known
			}
			var n int64
			if n, err = decodeCount(&b); err == nil {
				s.zeros += n
				s.count += n
			}
		}
		if err != nil {
			return err
		}
	}
	if s.mapping == nil {
		return errSketch
	}
	return nil
}

// setMapping takes the mapping of the first sketch; the others have the same.
func (s *sketch) setMapping(flag encoding.Flag, b []byte) error {
	if s.mapping != nil {
		if !bytes.Equal(b, s.bytes) {
			return fmt.Errorf("%w: its bins are not those of the others", errSketch)
		}
		return nil
	}
	rest := b
	m, err := mapping.Decode(&rest, flag)
	if err != nil {
		return fmt.Errorf("%w: %w", errSketch, err)
	}
	if a := m.RelativeAccuracy(); !(a > 0 && a <= MaxRelativeError*1.0001) {
		return fmt.Errorf("%w: its accuracy is %.4f, not %.4f", errSketch, a, MaxRelativeError)
	}
	s.mapping, s.bytes = m, bytes.Clone(b)
	return nil
}

// addBins adds what one block of the encoding holds.
func (s *sketch) addBins(b *[]byte, how encoding.SubFlag) error {
	n, err := encoding.DecodeUvarint64(b)
	if err != nil || n > uint64(len(*b)) { // a bin takes a byte at least
		return errSketch
	}
	index, step := int64(0), int64(0)
	contiguous := how == encoding.BinEncodingContiguousCounts
	if contiguous {
		var err1, err2 error
		index, err1 = encoding.DecodeVarint64(b)
		step, err2 = encoding.DecodeVarint64(b)
		if err1 != nil || err2 != nil {
			return errSketch
		}
		if step == 1 && index >= 0 && index+int64(n) <= maxBin {
			return s.addRun(b, index, int64(n))
		}
	}
	for range n {
		count := int64(1)
		if !contiguous {
			delta, err := encoding.DecodeVarint64(b)
			if err != nil {
				return errSketch
			}
			index += delta
		}
		if how != encoding.BinEncodingIndexDeltas {
			if count, err = decodeCount(b); err != nil {
				return err
			}
		}
		if err := s.bin(index, count); err != nil {
			return err
		}
		index += step
	}
	return nil
}

// addRun adds the counts of n bins side by side, which is how a sketch mostly
// comes: years of hours are some sixty million of them.
func (s *sketch) addRun(b *[]byte, index, n int64) (err error) {
	if n == 0 {
		return nil
	}
	s.grow(index + n - 1)
	p, bins, sum := *b, s.bins[index:index+n], int64(0)
	for i := range bins {
		var x uint64
		count := int64(0)
		switch {
		case len(p) > 0 && p[0] < 0x80:
			x, p = uint64(p[0])<<57, p[1:]
			count, err = countOf(x)
		case len(p) > 1 && p[1] < 0x80:
			x, p = uint64(p[0]&0x7f)<<57|uint64(p[1])<<50, p[2:]
			count, err = countOf(x)
		case len(p) > 2 && p[2] < 0x80:
			x, p = uint64(p[0]&0x7f)<<57|uint64(p[1]&0x7f)<<50|uint64(p[2])<<43, p[3:]
			count, err = countOf(x)
		default:
			count, err = decodeCount(&p)
		}
		if err != nil {
			return err
		}
		bins[i] += count
		sum += count
	}
	s.count += sum
	*b = p
	return nil
}

func (s *sketch) grow(index int64) {
	for index >= int64(len(s.bins)) {
		s.bins = append(s.bins, make([]int64, 512)...)
	}
}

func (s *sketch) bin(index, count int64) error {
	if index < 0 || index >= maxBin {
		return errSketch
	}
	s.grow(index)
	s.bins[index] += count
	s.count += count
	return nil
}

// decodeCount reads a count: whole, and small enough that millions of them add up.
func decodeCount(b *[]byte) (int64, error) {
	f, err := encoding.DecodeVarfloat64(b)
	if err != nil {
		return 0, errSketch
	}
	return wholeCount(f)
}

// countOf is the count in the bits of a varfloat, as they were sent.
// Note: nearly all have up to three bytes, which addRun reads in a third of the
// time that the library takes.
func countOf(x uint64) (int64, error) {
	const rotated = 6
	return wholeCount(math.Float64frombits(bits.RotateLeft64(x, -rotated)+0x3ff0<<48) - 1) // the bits of 1.0
}

func wholeCount(f float64) (int64, error) {
	if !(f >= 0 && f < 1<<40) {
		return 0, errSketch
	}
	return int64(f + 0.5), nil
}

// merge adds another sketch.
func (s *sketch) merge(o *sketch) error {
	if !bytes.Equal(s.bytes, o.bytes) {
		return fmt.Errorf("%w: its bins are not those of the others", errSketch)
	}
	s.zeros += o.zeros
	s.count += o.zeros
	for i, n := range o.bins {
		if n != 0 {
			if err := s.bin(int64(i), n); err != nil {
				return err
			}
		}
	}
	return nil
}

// with returns the sketch with exactly counted durations folded in.
func (s *sketch) with(d *Distribution) *sketch {
	all := &sketch{mapping: s.mapping, bytes: s.bytes, zeros: s.zeros, count: s.count, bins: append([]int64(nil), s.bins...)}
	for us, n := range d.counts() {
		if us == 0 {
			all.zeros += n
			all.count += n
			continue
		}
		// No recorded duration lies beyond the bins.
		_ = all.bin(int64(s.mapping.Index(float64(us))), n)
	}
	return all
}
