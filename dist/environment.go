package dist

import (
	"fmt"
	"hash/fnv"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"contralens/internal/option"
)

// Spawned is set for a process that the parent of a node started ([Launch.Children]).
const Spawned = "CONTRALENS_SPAWNED"

// FromEnvironment says which process of how many this is. getenv reads a variable, such as
// os.Getenv. The first launcher whose variables are there is believed:
//
//  1. torchrun and PyTorchJob: RANK, WORLD_SIZE
//  2. Open MPI, MPICH and Intel MPI: OMPI_COMM_WORLD_RANK, PMI_RANK
//  3. Slurm's srun: SLURM_PROCID, SLURM_STEP_NUM_TASKS
//  4. Kubeflow Trainer: PET_NNODES, PET_NPROC_PER_NODE
//  5. options: nodes, then processes
//
// Options that contradict the launcher are an error.
func FromEnvironment(o Options, getenv func(string) string) (Launch, error) {
	e := &environment{get: getenv}
	var l Launch
	switch {
	case e.has("RANK", "WORLD_SIZE", "LOCAL_RANK"):
		l = e.torchrun(o)
	case e.has("RANK", "WORLD_SIZE"):
		l = e.pods("RANK and WORLD_SIZE", o)
	case e.has("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"):
		l = e.openMPI(o)
	case e.has("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"): // srun --mpi=pmi2 sets the first two
		l = e.mpich(o)
	case e.has("SLURM_PROCID") && e.intOr("SLURM_STEP_NUM_TASKS", 1) > 1:
		l = e.slurm(o)
	case e.has("PET_NNODES") && e.get("PET_NNODES") != "1", processesPerPod(e.get("PET_NPROC_PER_NODE"), o.GPUs) > 1:
		l = e.pods("Kubeflow", o)
	default:
		return fromOptions(o, e)
	}
	if e.err != nil {
		return Launch{}, e.err
	}
	if err := l.check(); err != nil {
		return Launch{}, err
	}
	if l.Size == 1 && l.Children == 0 && o.Processes <= 1 {
		return alone(), nil
	}
	if err := l.meet(o.URL, e.get); err != nil {
		return Launch{}, err
	}
	if getenv(Spawned) != "" {
		l.Source = "contralens"
		return l, nil
	}
	return l.with(o)
}

// meet takes the address from the options, or else from MASTER_ADDR and MASTER_PORT, if one of
// them has it. Launchers that have no address of their own need that.
func (l *Launch) meet(typed string, getenv func(string) string) error {
	switch {
	case l.Source == torchrun: // knows it
		if typed == "" || typed == "env://" {
			break
		}
		if host, port, err := parseURL(typed); err != nil {
			return err
		} else if host != l.Host || port != l.Port {
			return &option.Error{Name: "dist-url", Want: fmt.Sprintf("nothing, because torchrun says that processes meet at %s",
				l.Address()), Got: typed}
		}
	case typed != "" && typed != "env://":
		host, port, err := parseURL(typed)
		if err != nil {
			return err
		}
		l.Host, l.Port = host, port
	case getenv("MASTER_ADDR") != "" && getenv("MASTER_PORT") != "":
		port, err := portNumber(getenv("MASTER_PORT"))
		if err != nil {
			return fmt.Errorf("MASTER_PORT: %w", err)
		}
		l.Host, l.Port = getenv("MASTER_ADDR"), port
	}
	if l.Host == "" || l.Port == 0 {
		return &option.Error{Name: "dist-url", Want: fmt.Sprintf("tcp://host:port of rank 0's node, because %s "+
			"starts processes on several nodes and names no address", l.Source)}
	}
	return nil
}

// with checks the options against what a launcher says.
func (l Launch) with(o Options) (Launch, error) {
	if o.Processes > 1 && l.Children == 0 && l.LocalSize == 1 { // one task a node, that starts the others
		l.Node, l.Nodes = l.Rank, l.Size
		l.Rank, l.Size, l.LocalSize, l.Children = l.Rank*o.Processes, l.Size*o.Processes, o.Processes, o.Processes
	}
	switch {
	case o.Processes > 0 && o.Processes != l.LocalSize:
		return Launch{}, &option.Error{Name: "nproc", Want: fmt.Sprintf("%d, the number of processes that %s gives "+
			"this node, or nothing", l.LocalSize, l.Source), Got: strconv.Itoa(o.Processes)}
	case o.Nodes > 1 && o.Nodes != l.Nodes:
		return Launch{}, &option.Error{Name: "world-size", Want: fmt.Sprintf("%d, the number of nodes that %s says, or "+
			"nothing", l.Nodes, l.Source), Got: strconv.Itoa(o.Nodes)}
	case o.Node > 0 && o.Node != l.Node:
		return Launch{}, &option.Error{Name: "rank", Want: fmt.Sprintf("%d, the number of this node that %s says, or "+
			"nothing", l.Node, l.Source), Got: strconv.Itoa(o.Node)}
	case o.Multiprocessing && l.Children == 0:
		l.Notes = append(l.Notes, l.Source+" has started the processes, so multiprocessing-distributed starts none")
	}
	return l, nil
}

// fromOptions is for a process that no launcher started.
func fromOptions(o Options, e *environment) (Launch, error) {
	nodes, node := max(o.Nodes, 1), max(o.Node, 0)
	processes := o.Processes
	if processes == 0 {
		processes = 1
		if o.Multiprocessing {
			processes = max(o.GPUs, 1)
		}
	}
	switch {
	case o.Processes < 0:
		return Launch{}, &option.Error{Name: "nproc", Want: "at least 1", Got: strconv.Itoa(o.Processes)}
	case node >= nodes:
		return Launch{}, &option.Error{Name: "rank", Want: fmt.Sprintf("the number of this node, 0 to %d (world-size is "+
			"%d)", nodes-1, nodes), Got: strconv.Itoa(node)}
	case nodes > 1 && o.Node < 0:
		return Launch{}, &option.Error{Name: "rank", Want: fmt.Sprintf("the number of this node, 0 to %d", nodes-1)}
	case nodes*processes == 1:
		return alone(), nil
	}
	l := Launch{
		Source: "options", Rank: node * processes, Size: nodes * processes, LocalSize: processes, Node: node, Nodes: nodes,
	}
	if processes > 1 {
		l.Children = processes
	}
	if nodes == 1 && o.URL == "" {
		port, err := freePort()
		l.Host, l.Port = "127.0.0.1", port
		return l, err
	}
	if nodes > 1 && o.URL == "" && !e.has("MASTER_ADDR", "MASTER_PORT") {
		return Launch{}, &option.Error{Name: "dist-url", Want: fmt.Sprintf("tcp://host:port of node 0, at which the "+
			"processes of %d nodes meet", nodes)}
	}
	return l, l.meet(o.URL, e.get)
}

// parseURL reads tcp://host:port.
func parseURL(text string) (host string, port int, err error) {
	u, err := url.Parse(text)
	if err == nil && u.Scheme == "tcp" && u.Hostname() != "" && (u.Path == "" || u.Path == "/") {
		if port, err = portNumber(u.Port()); err == nil {
			return u.Hostname(), port, nil
		}
	}
	return "", 0, option.Text("dist-url", "tcp://host:port with a port from 1 to 65535, or env://", text)
}

func portNumber(text string) (int, error) {
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("want a port from 1 to 65535, got %q", text)
	}
	return port, nil
}

// freePort returns a port of the loopback interface that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port on 127.0.0.1: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// derivedPort returns the same port, 15000 to 24999, for all processes of a job.
func derivedPort(job string) int {
	if n, err := strconv.ParseUint(job, 10, 64); err == nil {
		return 15000 + int(n%10000)
	}
	h := fnv.New32a()
	h.Write([]byte(job))
	return 15000 + int(h.Sum32()%10000)
}

// parent names the process that started this one, and with it all ranks of a host.
func parent() string { return strings.TrimSpace(strconv.Itoa(os.Getppid())) }
