package host

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 10 10 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 200"
	for _, tc := range []struct {
		name, text string
		want       Stat
		fails      bool
	}{
		{"plain name", "10 (kubelet)" + rest, Stat{State: 'S', StartTicks: 123456}, false},
		{"name with parenthesis and blanks", "10 (a) b (c)" + rest, Stat{State: 'S', StartTicks: 123456}, false},
		{"cut off", "10 (kubelet) S 1 10", Stat{}, true},
		{"no name", "10", Stat{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseStat([]byte(tc.text))
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("got %+v, %v, want %+v, failure %v", got, err, tc.want, tc.fails)
			}
		})
	}
}

func TestAliveNeedsTheStartTime(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("skipped: this system has no /proc")
	}
	ticks, err := StartTicks(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !Alive(os.Getpid(), ticks) {
		t.Error("this process is not alive")
	}
	if Alive(os.Getpid(), ticks+1) {
		t.Error("a process with another start time is taken for this one")
	}
}

func TestParseCgroups(t *testing.T) {
	const (
		root   = "20 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
		cpu    = "30 20 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		pids   = "31 20 0:26 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
		beside = "32 20 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		v2     = "33 20 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
		named  = "34 20 0:29 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,name=systemd\n"
	)
	for _, tc := range []struct {
		name, mountinfo string
		want            Cgroups
		fails           bool
	}{
		{"v1", root + cpu + pids, Cgroups{
			Roots: []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/pids"}, Member: "/sys/fs/cgroup/pids"}, false},
		{"v1 with v2 beside it", root + pids + beside, Cgroups{
			Roots: []string{"/sys/fs/cgroup/pids"}, Beside: []string{"/sys/fs/cgroup/unified"}, Member: "/sys/fs/cgroup/pids"}, false},
		{"v2", root + v2, Cgroups{Roots: []string{"/sys/fs/cgroup"}, V2: true, Member: "/sys/fs/cgroup"}, false},
		{"v2 with a v1 hierarchy that counts nothing", root + named + v2, Cgroups{
			Roots: []string{"/sys/fs/cgroup"}, V2: true, Member: "/sys/fs/cgroup"}, false},
		{"none", root, Cgroups{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := ParseCgroups(tc.mountinfo)
			if !reflect.DeepEqual(got, tc.want) || (err != nil) != tc.fails {
				t.Errorf("got %+v, %v, want %+v, failure %v", got, err, tc.want, tc.fails)
			}
		})
	}
}

func TestCreateInheritsTheCpuset(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("cpuset.cpus", "0-1\n")
	write("cpuset.mems", "0\n")
	groups := Cgroups{Roots: []string{root}, Member: root}
	if err := groups.Create("a/b"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "a/b/cpuset.cpus"))
	if string(got) != "0-1\n" || err != nil {
		t.Errorf("a/b/cpuset.cpus holds %q (%v), want the parents' value", got, err)
	}
	write("a/cgroup.procs", "900001\n")
	write("a/b/cgroup.procs", "900003\n900001\n0\n1\n")
	if pids := groups.Processes("a"); !slices.Equal(pids, []int{900001, 900003}) {
		t.Errorf("processes are %v, want each once, and neither 0 nor 1", pids)
	}
}

func TestParseMountsBelow(t *testing.T) {
	const mounts = `/dev/vda / ext4 rw 0 0
tmpfs /var/lib/switchyard-cluster/nodes/node1/kubelet/a tmpfs rw 0 0
overlay /var/lib/switchyard-cluster/nodes/node1/kubelet/a/with\040blank overlay rw 0 0
tmpfs /var/lib/switchyard-cluster-other tmpfs rw 0 0
nsfs /run/netns/switchyard-node1 nsfs rw 0 0
`
	got := ParseMountsBelow(mounts, "/var/lib/switchyard-cluster", "/run/switchyard-cluster")
	want := []string{
		"/var/lib/switchyard-cluster/nodes/node1/kubelet/a/with blank",
		"/var/lib/switchyard-cluster/nodes/node1/kubelet/a",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOverlapping(t *testing.T) {
	routes, err := ParseRoutes(`[
		{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]},
		{"dst":"192.0.2.0/24","dev":"eth0","flags":[]},
		{"dst":"10.0.0.0/8","dev":"vpn0","flags":[]},
		{"dst":"10.96.7.7","dev":"vpn0","flags":[]},
		{"type":"unreachable","dst":"10.97.0.0/16","dev":"lo","metric":20000,"flags":[]}]`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range Overlapping(routes, []string{"10.96.0.0/16", "10.200.0.0/16"}) {
		got = append(got, r.Dst)
	}
	if want := []string{"10.0.0.0/8", "10.96.7.7"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMakeDirsReturnsWhatItMade(t *testing.T) {
	root := t.TempDir()
	for _, want := range [][]string{{root + "/a", root + "/a/b"}, nil} {
		got, err := MakeDirs(root + "/a/b")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
}
