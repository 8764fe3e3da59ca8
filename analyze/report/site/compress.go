package site

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// gzips are writers to be used again: each takes most of a megabyte.
var gzips = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is one
	return z
}}

// compressed hands out what next writes in gzip where the client takes it: a page
// with its pictures shrinks to a sixth. Downloads are not worth it: they are large,
// and the time of this machine belongs to the daemons.
func compressed(next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r.Header.Get("Accept-Encoding")) || r.Method == http.MethodHead {
			return next(w, r)
		}
		z := &gzipped{ResponseWriter: w}
		err := next(z, r)
		if z.zip != nil {
			_ = z.zip.Close() // the client has gone: it needs no end
			z.zip.Reset(io.Discard)
			gzips.Put(z.zip)
		}
		return err
	}
}

// takesGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3).
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.0")
		}
	}
	return false
}

// gzipped compresses a body from its first byte on: what has none stays as it is.
type gzipped struct {
	http.ResponseWriter
	zip    *gzip.Writer
	status int
}

// WriteHeader implements http.ResponseWriter; it is sent with the first byte.
func (g *gzipped) WriteHeader(status int) { g.status = status }

// Write implements io.Writer.
func (g *gzipped) Write(b []byte) (int, error) {
	if g.zip == nil {
		g.zip = gzips.Get().(*gzip.Writer)
		g.zip.Reset(g.ResponseWriter)
		g.Header().Set("Content-Encoding", "gzip")
		g.Header().Del("Content-Length")
		if g.status != 0 {
			g.ResponseWriter.WriteHeader(g.status)
		}
	}
	return g.zip.Write(b)
}

// Unwrap is for http.ResponseController.
func (g *gzipped) Unwrap() http.ResponseWriter { return g.ResponseWriter }
