"""The vocabulary of synthetic scenes, in two halves that share no subject, action, setting or object.

Thresholds are tuned on the half `tuning`; numbers are reported on the half `held out`. An entry is `word/synonym`; in
actions the first word is the verb (base form), followed by its synonym.

    python -m pipeline.benchmarks.planted.vocabulary          # print the sizes
"""

from dataclasses import dataclass

PEOPLE = """man/gentleman; woman/lady; boy/lad; girl/child; chef/cook; farmer/grower; dancer/performer;
cyclist/biker; carpenter/woodworker; nurse/carer; fisherman/angler; climber/mountaineer;
painter/artist; barista/server; guitarist/musician; mechanic/repairman; gardener/groundskeeper;
runner/jogger; teacher/instructor; surfer/boarder; potter/ceramicist; skater/skateboarder;
violinist/fiddler; waiter/attendant; welder/metalworker; tailor/seamster; toddler/infant;
monk/friar; hiker/trekker; drummer/percussionist; baker/pastry cook; janitor/cleaner;
librarian/archivist; boxer/fighter; magician/conjurer; clown/jester; photographer/cameraman;
beekeeper/apiarist; sculptor/carver; butcher/meat cutter; pilot/aviator; sailor/seaman"""
PEOPLE_ACTIONS = """pour/tip tea into a porcelain cup; chop/cut carrots on a board; knead/work dough on a floured
counter; whisk/beat eggs in a bowl; lift/raise a heavy crate; carry/haul a wicker basket;
open/unlock a wooden gate; wipe/clean a foggy window; sweep/brush leaves into a heap; paint/colour
a tall canvas; hammer/drive nails into a plank; polish/buff a silver trophy; tie/knot a thick
rope; fold/crease a paper crane; read/study an old newspaper; write/scribble notes in a diary;
strum/play a banjo; juggle/toss three oranges; kick/boot a football; throw/hurl a frisbee;
catch/grab a tennis ball; climb/scale a ladder; row/paddle a canoe; pedal/ride a tricycle;
push/shove a wheelbarrow; pull/drag a sledge; unroll/spread a carpet; light/ignite a candle;
blow/puff out matches; slice/carve a watermelon; stir/mix soup in a cauldron; plant/bury tulip
bulbs; water/sprinkle a fern; trim/prune a hedge; shear/clip a sheep; brush/groom a pony;
feed/nourish pigeons with crumbs; stack/pile firewood; sharpen/hone an axe; inspect/examine a
microscope slide; solder/join copper wires; type/tap on a keyboard; photograph/snap a statue;
hang/pin laundry on a line; iron/press a shirt; sew/stitch a button; shuffle/mix playing cards;
deal/hand out dominoes; inflate/pump a balloon; wrap/pack a gift; peel/skin a banana; crack/break
a walnut; grate/shred cheese over pasta; drink/sip lemonade through a straw; balance/poise on a
beam; dive/plunge off a springboard; skip/jump over a puddle; wave/flap a striped flag;
open/unfold an umbrella; drum/beat on a bucket; mould/shape wet clay; blow/breathe soap bubbles;
measure/gauge a beam with callipers; load/fill a dishwasher; polish/shine leather boots;
tune/adjust a harp"""
ANIMALS = """dog/hound; kitten/young cat; horse/mare; goat/billy goat; eagle/raptor; owl/barn owl; fox/vixen;
wolf/wild dog; rabbit/bunny; squirrel/rodent; elephant/bull elephant; giraffe/calf;
penguin/seabird; seal/sea lion; dolphin/porpoise; turtle/tortoise; heron/wader; parrot/macaw;
cow/heifer; donkey/mule; hedgehog/urchin; otter/river otter; crab/crustacean; octopus/cuttlefish;
peacock/peafowl; llama/alpaca; chimpanzee/ape; cheetah/big cat; bison/buffalo; hamster/gerbil;
swan/cygnet; lizard/gecko"""
ANIMAL_ACTIONS = """sniff/smell a rotten log; chase/pursue a butterfly; drink/lap from a stone trough; dig/burrow in
the sand; climb/scramble up a trunk; leap/jump over a fallen branch; roll/tumble in dry leaves;
shake/rattle its wet fur; gnaw/chew on a bone; nibble/munch clover; scratch/claw at bark;
stretch/extend its front legs; yawn/gape widely; lick/clean its paw; wade/paddle through shallow
water; swim/glide past lily pads; perch/settle on a fence post; flap/beat its wings; peck/pick at
seeds; crawl/creep under a shrub; bury/hide an acorn; carry/bring a twig; nudge/push a ball with
its nose; splash/spray mud; sleep/doze on a doormat; howl/bay at the moon; stalk/follow a beetle;
drag/pull a coconut; balance/teeter on a rail; circle/round a bush; rub/scrape its horns on a
post; swallow/gulp a fish; peer/look into a burrow; trot/jog along a ditch; hop/bounce across
pebbles; swing/dangle from a vine"""
VEHICLES = """truck/lorry; tram/streetcar; bus/coach; tractor/farm machine; sailboat/yacht; ferry/steamer;
motorcycle/motorbike; van/minibus; train/locomotive; helicopter/chopper; crane/derrick;
excavator/digger; taxi/cab; barge/freighter; ambulance/rescue car; limousine/sedan; hot-air
balloon/airship; forklift/lift truck; submarine/submersible; snowplough/gritter; jeep/off-roader;
glider/sailplane; hovercraft/air-cushion boat; rickshaw/pedicab"""
VEHICLE_ACTIONS = """cross/traverse an iron bridge; enter/approach a dark tunnel; pass/overtake a parked trailer;
stop/halt at a barrier; turn/swerve around a traffic cone; splash/plough through a puddle;
climb/mount a steep ramp; unload/dump gravel; tow/pull a broken caravan; leave/exit a hangar;
circle/round a fountain; reverse/back into a shed; brush/scrape against a kerb; carry/transport
timber; follow/trail a police escort; flash/blink its headlights; puff/belch black smoke;
wait/idle beside a kiosk; skirt/pass a lighthouse; deliver/drop parcels; lower/drop an anchor;
raise/lift a steel girder; spray/scatter salt; rumble/roll over cobblestones; vanish/disappear
behind a billboard; jolt/bump over sleepers"""
SETTINGS = """sunlit kitchen/bright cookhouse; narrow alley/back lane; pine forest/evergreen wood; sandy
beach/seashore; crowded market/bazaar; frozen lake/icy pond; wheat field/grain acre; mountain
pass/alpine saddle; dusty workshop/tool room; concert hall/auditorium; railway station/train
depot; tropical greenhouse/hothouse; desert canyon/arid gorge; harbour quay/wharf; attic
studio/loft; village square/town plaza; suburban garden/backyard; snowy slope/white hillside;
library reading room/book hall; rooftop terrace/roof deck; abandoned factory/derelict plant;
bamboo grove/cane thicket; hospital ward/clinic room; car park/parking lot; rocky shore/stony
coast; apple orchard/fruit grove; neon arcade/gaming parlour; castle courtyard/fortress yard;
swamp/marsh; school gymnasium/sports hall; barn/stable; airport runway/landing strip;
ballroom/dance hall; laboratory/research lab; vineyard/wine terrace; subway platform/metro stop;
stone quarry/rock pit; theatre stage/playhouse; lighthouse pier/breakwater; savannah/grassland;
chapel/small church; tea plantation/tea estate; boxing ring/fight arena; museum gallery/exhibition
room; riverbank/waterside; bakery/bread shop; cemetery/graveyard; playground/play area;
glacier/ice sheet; rice paddy/flooded terrace"""
THINGS = """lantern/lamp; bench/seat; bicycle/bike; barrel/cask; mirror/looking glass; clock/timepiece;
vase/flower pot; chandelier/candelabrum; bookshelf/bookcase; telescope/spyglass;
typewriter/writing machine; gramophone/record player; windmill/wind pump; scarecrow/straw figure;
hammock/sling bed; fountain/water jet; piano/keyboard instrument; globe/world map; suitcase/travel
bag; kettle/teapot; aquarium/fish tank; anvil/iron block; birdcage/aviary; surfboard/longboard;
tent/canvas shelter; wheelchair/rolling chair; snowman/snow figure; chessboard/board game;
candlestick/candle holder; drum kit/percussion set; mannequin/dummy; trampoline/bouncer;
signpost/road sign; wardrobe/closet; sewing machine/stitcher; tapestry/wall hanging;
treadmill/running machine; well/water hole; mailbox/letter box; rocking chair/rocker;
cactus/succulent; skeleton/bones; cannon/field gun; accordion/squeezebox; helmet/hard hat;
umbrella stand/cane rack; radiator/heater; toolbox/tool chest; jukebox/music box; wine rack/bottle
shelf; sundial/sun clock; totem pole/carved post; xylophone/marimba; parachute/canopy;
periscope/viewing tube; igloo/ice hut; pumpkin/gourd; violin case/instrument box; shopping
trolley/cart; vending machine/snack dispenser"""
CLOTHES = """red jacket; blue overalls; grey hoodie; white apron; green raincoat; striped jumper; yellow vest;
black suit; purple scarf; denim shirt; straw hat; leather gloves; orange tunic; floral dress;
brown waistcoat; silver helmet"""
COATS = "white; black; brown; grey; spotted; golden; ginger; cream; dark; pale"
PAINTS = "red; blue; yellow; green; white; black; orange; silver; turquoise; rusty"
LIGHTS = """soft morning light; harsh midday sun; warm lamplight; cool blue twilight; flickering firelight;
flat overcast light; golden evening sun; neon glow; pale moonlight; dappled shade; bright studio
light; dim candlelight; hazy backlight"""
CAMERAS = """the camera pans left slowly; the camera pans right slowly; the camera holds still; the camera
zooms in slowly; the camera tilts up; the camera is held by hand; the camera moves"""
MEASURED = ("pan left", "pan right", "static", "zoom in", "tilt up", "handheld", "moving")
STYLES = (
    "documentary style; cinematic look; grainy film look; vivid animation; black-and-white footage; realistic style"
)

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Subjects, their actions, and their clothes or colours; every word with a synonym."""

    subjects: tuple[Pair, ...]
    actions: tuple[Pair, ...]
    looks: tuple[str, ...]
    worn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """One half of the words."""

    kinds: tuple[Kind, ...]
    settings: tuple[Pair, ...]
    things: tuple[Pair, ...]
    lights: tuple[str, ...]
    styles: tuple[str, ...]


def vocabulary(half: str) -> Vocabulary:
    """The half `tuning` (every second line of a list from the first) or `held out` (from the second)."""
    start = {"tuning": 0, "held out": 1}[half]
    return Vocabulary(
        kinds=tuple(
            Kind(
                subjects=tuple(map(_pair, _items(subjects)[start::2])),
                actions=tuple(map(_action, _items(actions)[start::2])),
                looks=tuple(_items(items)),
                worn=items is CLOTHES,
            )
            for subjects, actions, items in (
                (PEOPLE, PEOPLE_ACTIONS, CLOTHES),
                (ANIMALS, ANIMAL_ACTIONS, COATS),
                (VEHICLES, VEHICLE_ACTIONS, PAINTS),
            )
        ),
        settings=tuple(map(_pair, _items(SETTINGS)[start::2])),
        things=tuple(map(_pair, _items(THINGS)[start::2])),
        lights=tuple(_items(LIGHTS)[start::2]),
        styles=tuple(_items(STYLES)),
    )


def _items(text: str) -> list[str]:
    return [" ".join(item.split()) for item in text.split(";")]


def _pair(text: str) -> Pair:
    first, _, second = text.partition("/")
    return first, second or first


def _action(text: str) -> Pair:
    verbs, _, rest = text.partition(" ")
    first, second = _pair(verbs)
    return f"{first} {rest}", f"{second} {rest}"


def main() -> None:
    """Print the number of words."""
    for half in ("tuning", "held out"):
        words = vocabulary(half)
        subjects, actions = (sum(len(getattr(kind, name)) for kind in words.kinds) for name in ("subjects", "actions"))
        print(f"{half}: {subjects} subjects, {actions} actions, {len(words.settings)} settings")


if __name__ == "__main__":
    main()
