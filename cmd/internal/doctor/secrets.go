package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
)

// SecretsFile is where the services' units take their secrets from.
const SecretsFile = "/etc/wanctl/secrets"

// maxSecrets bounds a file of secrets, in bytes.
const maxSecrets = 64 << 10

// ReadSecrets reads a file of NAME=value lines as systemd's EnvironmentFile does. What
// systemd passes over, as it can be no secret, is an error; it names the line and
// nothing of what is in it.
func ReadSecrets(path string) (map[string]string, error) {
	text, err := secretsText(path)
	if err != nil {
		return nil, err
	}
	values, _, err := parseSecrets(text)
	if err != nil {
		return nil, fmt.Errorf("secrets: %s:%w", path, err)
	}
	return values, nil
}

func secretsText(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecrets {
		return nil, fmt.Errorf("secrets: %s is no file of NAME=value lines", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return text, nil
}

// parseSecrets returns the values by name, of which the last of a name counts, and how
// they were read.
func parseSecrets(text []byte) (map[string]string, *environment, error) {
	env, err := parseEnvironment(text)
	if err != nil {
		return nil, nil, err
	}
	values := map[string]string{}
	for _, a := range env.assignments {
		if !variableName.MatchString(a.name) {
			return nil, nil, fmt.Errorf("%d: no NAME=value", a.line)
		}
		values[a.name] = a.value
	}
	return values, env, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// errUnsafe tells of a file whose end or middle would make something else of a line.
var errUnsafe = errors.New("a value or comment in it goes on over the end of its line (a quote that is not closed, a backslash): put that right first")

// WithSecret returns the text of a file of secrets with a secret in place of those
// that have its name, and all others as they are.
func WithSecret(text []byte, name, value string) ([]byte, error) {
	want, env, err := parseSecrets(text)
	if err != nil {
		return nil, err
	}
	b, at := new(bytes.Buffer), 0
	for _, a := range env.assignments {
		if a.name == name {
			b.Write(text[at:a.from])
			at = a.to
		}
	}
	b.Write(text[at:])
	if b.Len() > 0 && b.Bytes()[b.Len()-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString(SecretLine(name, value) + "\n")
	want[name] = value
	got, _, err := parseSecrets(b.Bytes())
	if err != nil || !maps.Equal(got, want) {
		return nil, errUnsafe
	}
	return b.Bytes(), nil
}

// SecretLine returns the line that ReadSecrets, systemd and a shell read alike. The
// value has no control characters and is UTF-8: systemd refuses a file that is not.
func SecretLine(name, value string) string {
	switch {
	case plainSecret.MatchString(value):
		return name + "=" + value
	case !strings.Contains(value, "'"):
		return name + "='" + value + "'"
	}
	return name + `="` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "`", "\\`", "$", `\$`).Replace(value) + `"`
}

var plainSecret = regexp.MustCompile(`^[A-Za-z0-9._/+:,@%-]+$`)
