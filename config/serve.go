package config

// Serve are the options of the dashboard.
type Serve struct {
	_       struct{} `group:"output" everyday:"true"`
	Address string   `flag:"address" short:"a" help:"HOST:PORT or PORT to listen on; empty: 127.0.0.1:8420 or the next free port; if other machines can connect, visitors need the token that is printed"`
	Host    string   `flag:"host" help:"other names by which browsers reach this machine, separated by commas"`
}
