package simulator

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// host returns the SSH host key, made on first use: Ed25519 since v7, RSA
// before; for old v6 one that signs with SHA-1 alone.
func (k *keys) host(v version, old bool) (ssh.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hostKey == nil {
		key, err := newHostKey(v[0] >= 7 && !old, old)
		if err != nil {
			return nil, fmt.Errorf("make a host key: %w", err)
		}
		k.hostKey = key
	}
	return k.hostKey, nil
}

func newHostKey(modern, old bool) (ssh.Signer, error) {
	var key crypto.Signer
	var err error
	if modern {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil || !old {
		return signer, err
	}
	s, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("the key cannot choose its algorithm")
	}
	return ssh.NewSignerWithAlgorithms(s, []string{ssh.KeyAlgoRSA})
}

// ChangeHostKey gives the router a new SSH host key, as a reset of its
// configuration does; connections that are open stay so.
func (s *Simulator) ChangeHostKey() error {
	s.keys.mu.Lock()
	s.keys.hostKey = nil
	s.keys.mu.Unlock()
	_, err := s.keys.host(s.router.version, s.config.SHA1)
	return err
}
