package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// pagePolicy lets a saved page use what it contains, and nothing of a network.
const pagePolicy = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; " +
	"img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"

var (
	imported   = regexp.MustCompile(`((?:from|import) ")\./([a-z0-9-]+\.js")`)
	stylesheet = regexp.MustCompile(`<link rel="stylesheet" href="([^"]+)">`)
	linked     = regexp.MustCompile(`url\("([^":]+)"\)`)
	closing    = regexp.MustCompile(`(?i)</(script|style)`)
)

// wholePage returns the dashboard's page as a single file that shows data, the content of
// saved.js's element, with a sentence about it. A browser loads no modules from the disk, so
// they are in an import map.
func wholePage(data []byte, about string) (string, error) {
	files, err := fs.Sub(web, "web")
	if err != nil {
		return "", err
	}
	var missing error
	read := func(name string) string {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			missing = err
		}
		return string(b)
	}
	inline := func(text string) string { return closing.ReplaceAllString(text, `<\/$1`) }

	modules := map[string]string{}
	names, err := fs.Glob(files, "*.js")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		module := imported.ReplaceAllString(read(name), "${1}contralens/$2")
		modules["contralens/"+name] = dataURI("text/javascript", []byte(module))
	}
	imports, err := json.Marshal(map[string]any{"imports": modules})
	if err != nil {
		return "", err
	}

	page := read("index.html")
	replace := func(tag, by string) {
		if !strings.Contains(page, tag) {
			missing = fmt.Errorf("index.html: want %s, found none", tag)
		}
		page = strings.Replace(page, tag, by, 1)
	}
	page = stylesheet.ReplaceAllStringFunc(page, func(tag string) string {
		name := stylesheet.FindStringSubmatch(tag)[1]
		style := linked.ReplaceAllStringFunc(read(name), func(link string) string {
			target := linked.FindStringSubmatch(link)[1]
			return fmt.Sprintf("url(%q)", dataURI("font/woff2", []byte(read(path.Join(path.Dir(name), target)))))
		})
		return "<style>" + inline(style) + "</style>"
	})
	replace(`href="icon.svg"`, fmt.Sprintf("href=%q", dataURI("image/svg+xml", []byte(read("icon.svg")))))
	replace(`<meta charset="utf-8">`, `<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="`+pagePolicy+`">`)
	replace(`<script src="lib/uPlot.iife.min.js" defer></script>`,
		"<script>"+inline(read("lib/uPlot.iife.min.js"))+"</script>")
	replace(`<script src="app.js" type="module"></script>`, `<script type="importmap">`+string(imports)+`</script>
<script type="text/plain" id="saved">`+base64.StdEncoding.EncodeToString(data)+`</script>
<script type="module">import "contralens/app.js";</script>`)
	replace(`<main id="main"`, `<p class="saved">`+html.EscapeString(about)+`</p>
<main id="main"`)
	return page, missing
}
