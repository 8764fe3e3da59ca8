package cycle

import (
	"strings"
	"testing"
)

func TestConcealerHidesWholeWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		secret     Secret
		text, want string
	}{
		{"hunter2", "user hunter2 is wrong", "user (secret) is wrong"},
		{"hunter2", "hunter2", "(secret)"},
		{"pass", "a passphrase, by-pass and compass", "a (secret), by-(secret) and (secret)"},
		{"pass", "passpass pass", "(secret) (secret)"},
		{"p\"ss/w", `Get "/p%22ss%2Fw?": said "p\"ss/w"`, `Get "/(secret)?": said "(secret)"`},
		{"a&b<c>", `{"x":"a\u0026b\u003cc\u003e"}`, `{"x":"(secret)"}`},
		{"größe", "übergrößen sind", "(secret) sind"},
		{"abc", "abc", "abc"},
		{"", "x", "x"},
		{"none", "of it", "of it"},
	} {
		var c Concealer
		c.Add(tc.secret)
		if got := c.Hide(tc.text); got != tc.want {
			t.Errorf("%q in %q: %q, want %q", tc.secret.Reveal(), tc.text, got, tc.want)
		}
	}
	var two Concealer
	two.Add("hunter2")
	two.Add("of mine")
	if got := two.Hide("said of minehunter2, hunter2"); got != "said (secret), (secret)" {
		t.Errorf("of two: %q", got)
	}
	if got := two.Hide("known hunter2, hunter2", []int{0, 13}); got != "known hunter2, (secret)" {
		t.Errorf("but for what is known: %q", got)
	}
}

func TestSecretsThatCouldBeAWordOfOurs(t *testing.T) {
	t.Parallel()
	for secret, want := range map[Secret]bool{
		"pass": true, "password": true, "RouterOS": true, "router.password": true, "/etc/wanctl": true, "ROUTER_PASSWORD": true,
		"wan1": true, "127.0.0.1:9102": true, "12345678": true,
		"hunter-2-planted": false, "correcthorsebattery": false, "Tr0ub4dor&3": false, "planted-one": false, "1234567890123456": false,
	} {
		if got := secret.Ordinary(); got != want {
			t.Errorf("%s: %v", secret.Reveal(), got)
		}
	}
}

// FuzzConcealer: what was hidden is nowhere any more.
func FuzzConcealer(f *testing.F) {
	f.Add("hunter2", "user hunter2 hunter2x")
	f.Add("aaaa", "aaaaaaa")
	f.Add(" \xff ", "\xff \xff  \xff ")
	f.Fuzz(func(t *testing.T, secret, text string) {
		var c Concealer
		c.Add(Secret(secret))
		got := c.Hide(text)
		for part := range strings.SplitSeq(got, redacted) {
			if len(secret) >= ShortestHidden && strings.Contains(part, secret) {
				t.Errorf("%q in %q: %q", secret, text, got)
			}
		}
	})
}
