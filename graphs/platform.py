"""The whole platform as one graph: what ``import_path: graphs.platform:build_app`` names. Must not hold a number."""

from ray.serve import Application

from graphs.args import PlatformArgs
from graphs.stages import bind_asr, bind_ingress, bind_llm, bind_pipeline, bind_tts
from smartlite.config import load_settings
from smartlite.domain.models import ModelDirectory
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
    args.check(catalog)
    asr, llm, tts = bind_asr(args.asr, catalog), bind_llm(args.llm, catalog), bind_tts(args.tts, catalog)
    pipeline = bind_pipeline(args.pipeline, asr, llm, tts)
    served = ModelDirectory(
        tuple(
            catalog.find(model.model).served(model.engine) for stage in args.stages().values() for model in stage.models
        )
    )
    return bind_ingress(served, asr, llm, tts, pipeline)
