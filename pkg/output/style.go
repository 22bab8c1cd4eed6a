package output

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/fatih/color"
	"k8s.io/cli-runtime/pkg/printers"
)

// Style is what a piece of text means; the colour follows from it.
type Style int

// The styles. Plain is the zero value.
const (
	Plain  Style = iota
	Good         // green: healthy, done
	Warn         // yellow: needs attention
	Bad          // red: broken, failed
	Dim          // faint: of less interest
	Strong       // bold: what to look at first
)

// The values of --color.
const (
	ColorAuto   = "auto"
	ColorAlways = "always"
	ColorNever  = "never"
)

// ColorModes returns the values that --color takes.
func ColorModes() []string { return []string{ColorAuto, ColorAlways, ColorNever} }

// CheckColorMode returns an error that names the valid values when mode is none of ColorModes.
func CheckColorMode(mode string) error {
	if slices.Contains(ColorModes(), mode) {
		return nil
	}
	return fmt.Errorf("invalid colour mode %q: must be one of %s", mode, strings.Join(ColorModes(), ", "))
}

// painter colours text for one writer.
type painter struct{ enabled bool }

// newPainter decides about colour for w: --color counts first, then NO_COLOR (https://no-color.org), then
// CLICOLOR_FORCE (https://bixense.com/clicolors), then whether w is a terminal that shows colour.
func newPainter(mode string, w io.Writer) painter {
	switch mode {
	case ColorAlways:
		return painter{true}
	case ColorNever:
		return painter{false}
	}
	if os.Getenv("NO_COLOR") != "" {
		return painter{false}
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return painter{true}
	}
	return painter{printers.AllowsColorOutput(w)}
}

// paint escapes text and colours it when colour is on.
func (p painter) paint(style Style, text string) string {
	text = Escape(text)
	attributes := style.attributes()
	if !p.enabled || text == "" || len(attributes) == 0 {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}

// attributes returns the terminal attributes of s; none for Plain.
func (s Style) attributes() []color.Attribute {
	switch s {
	case Good:
		return []color.Attribute{color.FgGreen}
	case Warn:
		return []color.Attribute{color.FgYellow}
	case Bad:
		return []color.Attribute{color.FgRed}
	case Dim:
		return []color.Attribute{color.Faint}
	case Strong:
		return []color.Attribute{color.Bold}
	}
	return nil
}
