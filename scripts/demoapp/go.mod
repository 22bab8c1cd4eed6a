module github.com/kubectl-switchyard/switchyard/scripts/demoapp

go 1.26.0
