package site

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"wanctl/analyze/report/page"
)

//go:embed assets/site.css
var siteStyle string

//go:embed assets/site.js
var siteScript string

//go:embed assets/favicon.svg
var icon string

// asset is a file that pages are made of. Its address names its content, so that a
// browser keeps it, and never has an old one.
type asset struct{ text, content string }

var (
	assets     = map[string]asset{}
	assetLinks = map[string]string{} // of a page: the place to its name
)

func init() {
	for name, a := range map[string]asset{
		"site.css": {siteStyle, "text/css; charset=utf-8"},
		"site.js":  {siteScript, "text/javascript; charset=utf-8"},
		"page.css": {page.Style, "text/css; charset=utf-8"},
		"page.js":  {page.Script, "text/javascript; charset=utf-8"},
	} {
		sum := sha256.Sum256([]byte(a.text))
		path := assetsPath + hex.EncodeToString(sum[:6]) + "-" + name
		assets[path] = a
		assetLinks[strings.Replace(name, ".", "_", 1)] = path
	}
}

func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := assets[r.URL.Path]
	if !ok {
		return errUnknown
	}
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	w.Header().Set("Content-Type", a.content)
	_, _ = io.WriteString(newPatient(w), a.text)
	return nil
}

func (s *Site) icon(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "max-age=86400")
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = io.WriteString(newPatient(w), icon)
	return nil
}
