package doctor

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// SecretsFile is where the services' units take their secrets from.
const SecretsFile = "/etc/wanctl/secrets"

// maxSecrets bounds a file of secrets, in bytes.
const maxSecrets = 64 << 10

// ReadSecrets reads a file of NAME=value lines as systemd's EnvironmentFile does:
// blank lines and those that begin with # or ; are passed over, a value may stand in
// quotes. An error names the line and nothing of what is in it.
func ReadSecrets(path string) (map[string]string, error) {
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
	values := map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || !variableName.MatchString(name) {
			return nil, fmt.Errorf("secrets: %s:%d: no NAME=value", path, number)
		}
		values[name] = unquote(strings.TrimSpace(value))
	}
	return values, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// unquote takes a value out of its quotes: in single ones everything stands for
// itself, in double ones what follows a backslash does.
func unquote(value string) string {
	if len(value) < 2 || value[0] != value[len(value)-1] {
		return value
	}
	inside := value[1 : len(value)-1]
	switch value[0] {
	case '\'':
		return inside
	case '"':
		b := new(strings.Builder)
		for i := 0; i < len(inside); i++ {
			if inside[i] == '\\' && i+1 < len(inside) && strings.IndexByte("\"\\`$", inside[i+1]) >= 0 {
				i++
			}
			b.WriteByte(inside[i])
		}
		return b.String()
	}
	return value
}

// SecretLine returns the line that ReadSecrets, systemd and a shell read alike.
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
