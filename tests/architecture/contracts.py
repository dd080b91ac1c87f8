"""import-linter's missing contract: a domain is reached from outside only through its public names."""

from __future__ import annotations

from importlinter import Contract, ContractCheck, fields, output

PUBLIC = frozenset({"service", "queries", "events", "rules"})
EDGES = frozenset({"kernel", "local", "factory", "registry", "config"})


class AcrossContract(Contract):
    """``across``: a room imports another one's ``service``, ``queries``, ``events`` or ``rules``, and nothing else.

    ``allowed`` lists module names that are public as well, each ``domain.module``.
    """

    domains = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph, verbose):
        """Look at every direct import between two domains."""
        broken = []
        for importer in sorted(graph.modules):
            home = _domain(importer)
            if home not in self.domains:
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                there = _domain(imported)
                if there in self.domains and there != home and not self._is_public(imported):
                    broken.append((importer, imported))
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check):
        """Name each import."""
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} imports {imported}: use its service, queries, events or rules.")

    def _is_public(self, module):
        parts = module.split(".")
        return len(parts) > 2 and (parts[2] in PUBLIC or f"{parts[1]}.{parts[2]}" in self.allowed)


def _domain(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "app" and parts[1] not in EDGES else ""
