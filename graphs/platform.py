"""The whole platform as one graph: what ``import_path: graphs.platform:build_app`` names. Must not hold a number."""

from ray.serve import Application

from graphs.args import PlatformArgs
from graphs.plan import make_plan
from graphs.stages import bind_ingress, bind_models, bind_pipeline
from smartlite.config import load_settings
from smartlite.models.catalog import Catalog
from smartlite.models.catalog_file import load_catalog


def build_app(args: PlatformArgs) -> Application:
    """Bind every stage, the pipeline over them and the gateway over everything.

    Raises:
        ConfigurationError: A model, an engine or an option is unknown.
    """
    return build_graph(args, load_catalog(load_settings().catalog))


def build_graph(args: PlatformArgs, catalog: Catalog) -> Application:
    """Bind the graph over the models of a catalog."""
    plan = make_plan(args, catalog)
    stages = {deployment.name: bind_models(deployment, args) for deployment in plan.deployments}
    directory = plan.directory()
    return bind_ingress(directory, stages, bind_pipeline(args.pipeline, directory, stages))
