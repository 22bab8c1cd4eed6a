package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-switchyard/switchyard/pkg/exit"
)

// helpWidth is the number of columns that help texts are wrapped at.
const helpWidth = 100

// commonClusterFlags are the connection flags that the help describes; it only names the others.
var commonClusterFlags = []string{"namespace", "context", "kubeconfig", "as", "as-group", "request-timeout"}

// helpText returns the help for cmd: what it does, how to call it, its own flags, the connection flags, exit codes.
func helpText(cmd *cobra.Command, children []*cobra.Command) string {
	own, cluster := splitFlags(cmd)
	description := cmd.Long
	if description == "" {
		description = cmd.Short
	}
	sections := []string{strings.TrimSpace(description)}
	for _, section := range []struct{ title, body string }{
		{"Usage", indent(usageLines(cmd, children))},
		{"Examples", indent(cmd.Example)},
		{"Commands", commandList(children)},
		{"Flags", own.FlagUsagesWrapped(helpWidth)},
		{"Cluster options", clusterOptions(cluster)},
		{"Exit codes", exitCodes()},
	} {
		if body := strings.TrimRight(section.body, "\n"); body != "" {
			sections = append(sections, section.title+":\n"+body)
		}
	}
	return strings.Join(sections, "\n\n") + "\n"
}

// splitFlags returns the flags of cmd, the connection flags apart.
func splitFlags(cmd *cobra.Command) (own, cluster *pflag.FlagSet) {
	own = pflag.NewFlagSet("own", pflag.ContinueOnError)
	cluster = pflag.NewFlagSet("cluster", pflag.ContinueOnError)
	add := func(f *pflag.Flag) {
		if _, isCluster := f.Annotations[clusterFlag]; isCluster {
			cluster.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	}
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return own, cluster
}

// usageLines returns how cmd is called: by itself when it is a verb or takes arguments, and with a command.
func usageLines(cmd *cobra.Command, children []*cobra.Command) string {
	var lines []string
	takesArguments := strings.Contains(strings.TrimSpace(cmd.Use), " ")
	if takesArguments || len(children) == 0 {
		lines = append(lines, cmd.UseLine())
	}
	if len(children) > 0 {
		lines = append(lines, cmd.CommandPath()+" COMMAND [flags]")
	}
	return strings.Join(lines, "\n")
}

// commandList returns one line for each command that is not hidden.
func commandList(commands []*cobra.Command) string {
	width := 0
	for _, command := range commands {
		width = max(width, len(command.Name()))
	}
	var text strings.Builder
	for _, command := range commands {
		if command.IsAvailableCommand() {
			fmt.Fprintf(&text, "  %-*s   %s\n", width, command.Name(), command.Short)
		}
	}
	return text.String()
}

// clusterOptions describes the common connection flags and names the others.
func clusterOptions(cluster *pflag.FlagSet) string {
	common := pflag.NewFlagSet("common", pflag.ContinueOnError)
	var others []string
	cluster.VisitAll(func(f *pflag.Flag) {
		switch {
		case slices.Contains(commonClusterFlags, f.Name):
			common.AddFlag(f)
		case !f.Hidden:
			others = append(others, "--"+f.Name)
		}
	})
	if !common.HasFlags() {
		return ""
	}
	return common.FlagUsagesWrapped(helpWidth) +
		indent(wrap("The other connection flags of kubectl (see 'kubectl options') work too: "+strings.Join(others, " "), helpWidth-2))
}

// exitCodes returns the table of exit codes.
func exitCodes() string {
	var text strings.Builder
	for _, meaning := range exit.Meanings() {
		fmt.Fprintf(&text, "  %-3d   %s\n", meaning.Code, meaning.Text)
	}
	return text.String()
}

// indent returns text with its common indentation replaced by two spaces.
func indent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	common := -1
	for _, line := range lines {
		if bare := strings.TrimLeft(line, " \t"); bare != "" && (common < 0 || len(line)-len(bare) < common) {
			common = len(line) - len(bare)
		}
	}
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			lines[i] = ""
		} else {
			lines[i] = "  " + line[common:]
		}
	}
	return strings.Join(lines, "\n")
}

// wrap breaks text at spaces into lines of at most width characters.
func wrap(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimLeft(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n")
}

// newHelpCommand returns the command behind "kubectl NAME help VERB". The help itself does not list it.
func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "help [COMMAND]",
		Short:  "Show the help for a command",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			target, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return verbArgs(target, rest)
			}
			return target.Help()
		},
	}
}
