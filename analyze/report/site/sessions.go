package site

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wanctl/cycle"
)

// MinToken is the least length of a token: no guessing comes near it.
const MinToken = 16

// sessions knows the token and who has shown it. A browser that has gets a cookie
// that proves it for a while; it holds no token, and none is kept here: it is an
// expiry, signed with a key of this process.
type sessions struct {
	token  cycle.Secret
	key    [32]byte
	secure bool // the cookie travels by TLS alone
	now    func() time.Time
}

const (
	cookieName    = "wanctl"
	sessionLength = 12 * time.Hour
)

func newSessions(token cycle.Secret, secure bool, now func() time.Time) *sessions {
	s := &sessions{token: token, secure: secure, now: now}
	_, _ = rand.Read(s.key[:]) // never fails
	return s
}

// admits tells whether a request carries the token or a cookie of ours.
func (s *sessions) admits(r *http.Request) bool {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return s.isToken(token)
	}
	c, err := r.Cookie(cookieName)
	return err == nil && s.isSession(c.Value)
}

// isToken compares in a time that tells nothing of where they differ, nor of the
// length.
func (s *sessions) isToken(given string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(s.token.Reveal()))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// cookie returns a session for who has shown the token.
func (s *sessions) cookie() *http.Cookie {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(sessionLength).Unix()))
	return &http.Cookie{
		Name: cookieName, Value: base64.RawURLEncoding.EncodeToString(append(b, s.sign(b)...)), Path: "/",
		MaxAge: int(sessionLength / time.Second), HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteStrictMode,
	}
}

func (s *sessions) sign(b []byte) []byte {
	mac := hmac.New(sha256.New, s.key[:])
	mac.Write(b)
	return mac.Sum(nil)
}

// isSession tells whether a cookie's value is ours and has not expired.
func (s *sessions) isSession(value string) bool {
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(b) != 8+sha256.Size || !hmac.Equal(b[8:], s.sign(b[:8])) {
		return false
	}
	return s.now().Before(time.Unix(int64(binary.BigEndian.Uint64(b)), 0))
}

// maxLogin bounds what a login form may send, in bytes.
const maxLogin = 8 << 10

// login shows the form, and takes it. The token comes in the body, never in an
// address, and is not repeated.
func (s *Site) login(w http.ResponseWriter, r *http.Request) error {
	next := safeNext(r.URL.Query().Get("next"))
	wrong := false
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxLogin)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(writePatience)) // a recorder in a test has none
		if err := r.ParseForm(); err == nil && s.sessions.isToken(r.PostForm.Get("token")) {
			http.SetCookie(w, s.sessions.cookie())
			http.Redirect(w, r, next, http.StatusSeeOther)
			return nil
		}
		wrong = true
	}
	status := http.StatusOK
	if wrong {
		status = http.StatusForbidden
	}
	return s.render(w, status, "login.html", map[string]any{"Wrong": wrong, "Action": loginPath + "?next=" + url.QueryEscape(next)})
}

// safeNext keeps where a login leads to on this site: the page with its query.
func safeNext(next string) string {
	if next != "/" && !strings.HasPrefix(next, "/?") {
		return "/"
	}
	return next
}
