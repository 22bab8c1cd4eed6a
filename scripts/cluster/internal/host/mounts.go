package host

import (
	"os"
	"slices"
	"strings"
)

// ParseMountsBelow returns the mount points at or below any of the folders, deepest first, from the text of
// /proc/self/mounts (proc(5)), which writes blanks, tabs, newlines and backslashes as octal escapes.
func ParseMountsBelow(mounts string, folders ...string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var found []string
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		point := unescape.Replace(fields[1])
		if slices.ContainsFunc(folders, func(f string) bool { return point == f || strings.HasPrefix(point, f+"/") }) {
			found = append(found, point)
		}
	}
	slices.Reverse(found)
	return found
}

// MountsBelow returns the mount points of this process's mount namespace at or below any of the folders.
func MountsBelow(folders ...string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, err
	}
	return ParseMountsBelow(string(data), folders...), nil
}
