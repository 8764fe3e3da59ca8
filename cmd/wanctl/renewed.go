package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// renewed is a certificate in files that are replaced now and then, while we serve.
type renewed struct {
	cert, key string // paths

	mu     sync.Mutex
	of     [2]time.Time // when the files were written that loaded is from
	loaded *tls.Certificate
}

// get implements tls.Config.GetCertificate. Files that cannot be read, or do not
// fit together since one is replaced before the other, leave the old certificate.
func (r *renewed) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var of [2]time.Time
	var errs error
	for i, path := range [...]string{r.cert, r.key} {
		about, err := os.Stat(path)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		of[i] = about.ModTime()
	}
	if r.loaded != nil && (errs != nil || of == r.of) {
		return r.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(r.cert, r.key)
	switch {
	case err == nil:
		r.loaded, r.of = &pair, of
	case r.loaded == nil:
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", r.cert, r.key, err)
	}
	return r.loaded, nil
}
