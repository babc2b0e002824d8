package service

import "context"

// DrainWorker has a worker take no more jobs and end once its runs have, and gives it
// as it is then. It may be repeated.
func (s *Service) DrainWorker(ctx context.Context, c Caller, id string) (WorkerView, error) {
	if err := c.Need(Admin, true); err != nil {
		return WorkerView{}, err
	}
	w, err := s.o.Store.RequestDrain(ctx, id)
	if err != nil {
		return WorkerView{}, err
	}
	s.o.Log.Info("a worker is asked to drain", "worker", w.ID, "host", w.Host, "status", string(w.State))
	registries, err := s.o.Store.Registries(ctx)
	return WorkerView{Worker: w, Registries: registriesOf(registries, w.ID, c)}, err
}
