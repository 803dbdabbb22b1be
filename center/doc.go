// Package center is the control center put together: it reads the configuration, opens the database, connects the
// services of the packages below, listens, runs jobs and stops in order.
//
// It owns wiring and the life of the process, and the addresses /healthz, /readyz and /metrics. It owns no rule of the
// product; every decision is made in a package below.
package center
